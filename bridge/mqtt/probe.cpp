#include "bridge/mqtt/probe.h"

#include <fcntl.h>
#include <netdb.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>

#include "bridge/mqtt/tls.h"

namespace clawbridge::mqtt {
namespace {

constexpr timeval kPatience{3, 0};

class Socket {
 public:
  explicit Socket(int fd) : fd_(fd) {
    if (fd_ >= 0) ::fcntl(fd_, F_SETFD, FD_CLOEXEC);
  }
  ~Socket() {
    if (fd_ >= 0) ::close(fd_);
  }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  [[nodiscard]] int get() const { return fd_; }
  void limit(timeval time) const {
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof(time));
    ::setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &time, sizeof(time));
  }

 private:
  int fd_;
};

struct FreeContext {
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
};
struct FreeSession {
  void operator()(SSL* session) const { SSL_free(session); }
};

/// Which check of the broker's certificate failed, and what to do.
std::string refused_certificate(long verdict, const std::string& host) {
  const std::string words = std::string(" (") + X509_verify_cert_error_string(verdict) + ")";
  switch (verdict) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return "its certificate has expired" + words + "; renew it on the broker, or correct this machine's clock";
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return "its certificate is not valid yet" + words +
             "; correct the clock of this machine, or of the one that made it";
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
      return "its certificate is for another host name than \"" + host + "\"" + words +
             "; write a name into broker.url that it has, or have one made with this name";
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
      return "its certificate is of an authority that is unknown here" + words +
             "; set broker.ca to the certificate of the authority that signed it";
    default:
      return "its certificate is refused" + words + "; have the broker's certificate and broker.ca checked";
  }
}

/// Returns why the handshake failed; empty when it worked.
std::string try_tls(const Socket& socket, const BrokerUrl& url, const Settings& settings) {
  ERR_clear_error();
  const std::unique_ptr<SSL_CTX, FreeContext> context(SSL_CTX_new(TLS_client_method()));
  if (!context) return openssl_words("OpenSSL cannot start");
  if (auto error = prepare_tls(context.get(), settings); !error.empty()) return error;
  const std::unique_ptr<SSL, FreeSession> session(SSL_new(context.get()));
  if (!session || SSL_set_fd(session.get(), socket.get()) != 1) return openssl_words("OpenSSL cannot start");
  if (!expect_host(session.get(), url.host)) return openssl_words("OpenSSL does not take this host name");
  if (SSL_connect(session.get()) != 1) {
    if (const long verdict = SSL_get_verify_result(session.get()); verdict != X509_V_OK) {
      return refused_certificate(verdict, url.host);
    }
    return openssl_words("the connection ended in the middle of the handshake");
  }
  if (SSL_version(session.get()) < TLS1_3_VERSION) return {};
  // TLS 1.3 refuses a client's certificate only after the handshake. A ticket, which ends this read too, says that it
  // was taken; a broker that sends neither costs the time limit of the socket.
  SSL_clear_mode(session.get(), SSL_MODE_AUTO_RETRY);
  char byte = 0;
  const int count = SSL_read(session.get(), &byte, 1);
  const int state = SSL_get_error(session.get(), count);
  if (count > 0 || state == SSL_ERROR_WANT_READ) return {};
  const auto words = openssl_words("");
  return words.find("alert") != std::string::npos ? words : "the connection ended right after the handshake";
}

/// Whether a port that was taken for a plain one answers a TLS greeting.
bool speaks_tls(const Socket& socket) {
  ERR_clear_error();
  const std::unique_ptr<SSL_CTX, FreeContext> context(SSL_CTX_new(TLS_client_method()));
  const std::unique_ptr<SSL, FreeSession> session(context ? SSL_new(context.get()) : nullptr);
  if (!session || SSL_set_fd(session.get(), socket.get()) != 1) return false;
  return SSL_connect(session.get()) == 1 || openssl_words("").find("alert") != std::string::npos;
}

struct FreeAddresses {
  void operator()(addrinfo* list) const { ::freeaddrinfo(list); }
};

ProbeResult try_all(const BrokerUrl& url, const Settings& settings) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* list = nullptr;
  const int lookup = ::getaddrinfo(url.host.c_str(), std::to_string(url.port).c_str(), &hints, &list);
  const std::unique_ptr<addrinfo, FreeAddresses> addresses(list);
  if (lookup != 0) {
    return {.tcp_error = "the name \"" + url.host + "\" is not found (" + ::gai_strerror(lookup) + ")",
            .tls_error = {}, .resolved = false};
  }
  int error = ECONNREFUSED;
  for (const auto* address = list; address != nullptr; address = address->ai_next) {
    const Socket socket(::socket(address->ai_family, SOCK_STREAM, address->ai_protocol));
    if (socket.get() < 0) {
      error = errno;
      continue;
    }
    socket.limit(kPatience);
    if (::connect(socket.get(), address->ai_addr, address->ai_addrlen) == 0) {
      if (!url.tls) return {.reached = true, .tcp_error = {}, .tls_error = {}, .speaks_tls = speaks_tls(socket)};
      return {.reached = true, .tcp_error = {}, .tls_error = try_tls(socket, url, settings)};
    }
    error = errno == EINPROGRESS ? ETIMEDOUT : errno;
  }
  return {.tcp_error = std::strerror(error), .tls_error = {}};
}

}  // namespace

ProbeResult probe(const BrokerUrl& url, const Settings& settings) noexcept {
  try {
    return try_all(url, settings);
  } catch (const std::exception& error) {
    return {.tcp_error = error.what(), .tls_error = {}};
  }
}

}  // namespace clawbridge::mqtt

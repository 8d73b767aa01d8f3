#include "bridge/gateway/supervisor.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <system_error>

#include "bridge/gateway/machine.h"
#include "bridge/gateway/turn_folder.h"

extern char** environ;

namespace clawbridge::gateway {
namespace {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr auto kGrace = 5s;        // from TERM to KILL
constexpr auto kWriteRetry = 1s;   // when `ended` cannot be written: a full disk
constexpr std::size_t kLastErrorsBytes = 4096;
constexpr long kFilesMax = 65536;  // that are closed one by one
constexpr std::size_t kPipeBytesMax = std::size_t{1} << 20;  // what a pipe can hold when its program has ended

int signal_pipe = -1;  // where the handler tells of signals

void on_signal(int number) {
  const int saved = errno;
  const auto byte = static_cast<char>(number);
  // Full, it has plenty to tell already.
  if (::write(signal_pipe, &byte, 1) < 0) errno = saved;
  errno = saved;
}

void handle(int number, void (*handler)(int)) {
  struct sigaction action{};
  action.sa_handler = handler;
  action.sa_flags = SA_RESTART | SA_NOCLDSTOP;
  sigemptyset(&action.sa_mask);
  ::sigaction(number, &action, nullptr);
}

void keep_from_programs(int descriptor) {
  ::fcntl(descriptor, F_SETFD, FD_CLOEXEC);
}

/// The bridge's own files are nobody's business here, and must close when the bridge does.
void close_from(int first) {
  if (close_all_from(first)) return;
  const long most = ::sysconf(_SC_OPEN_MAX);  // without a limit: -1, or a number that would take hours
  const long end = most > 0 ? std::min(most, kFilesMax) : kFilesMax;
  for (int number = first; number < end; ++number) ::close(number);
}

void never_block(const Descriptor& end) {
  ::fcntl(end.get(), F_SETFL, ::fcntl(end.get(), F_GETFL) | O_NONBLOCK);
}

struct Pipe {
  Descriptor reading;
  Descriptor writing;

  [[nodiscard]] static std::optional<Pipe> make() {
    std::array<int, 2> ends{};
    if (::pipe(ends.data()) != 0) return std::nullopt;
    for (const int end : ends) keep_from_programs(end);
    return Pipe{Descriptor(ends[0]), Descriptor(ends[1])};
  }
};

/// What a started child could not do before it became the program.
struct StartFailure {
  enum class At : int { Workdir, Program } at;
  int error_number;
};

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> list;
  for (auto& text : texts) list.push_back(text.data());
  list.push_back(nullptr);
  return list;
}

class Supervisor {
 public:
  explicit Supervisor(const SupervisorOrder& order) : order_(order), alive_(kAliveDescriptor), control_(kControlDescriptor), tells_(order.tells) {}

  int run() {
    keep_from_programs(alive_.get());
    keep_from_programs(control_.get());
    close_from(kControlDescriptor + 1);
    folder_ = Descriptor(::open(order_.folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    auto signals = Pipe::make();
    if (!folder_.is_open() || !signals) return EXIT_FAILURE;  // unclaimed: the bridge finds that it never ran
    never_block(signals->reading);
    never_block(signals->writing);
    signals_ = std::move(*signals);
    signal_pipe = signals_.writing.get();
    for (const int number : {SIGCHLD, SIGTERM, SIGINT}) handle(number, on_signal);
    for (const int number : {SIGPIPE, SIGHUP}) handle(number, SIG_IGN);
    if (!claim_turn(folder_.get(), claim_of_supervisor(::getpid()))) return EXIT_SUCCESS;
    if (is_told_to_end()) {
      end_.ended = TurnEnd::Ended::OnAbort;
      end_.how = TurnEnd::How::NotStarted;
      end_.reason = "cancelled before it started";
    } else if (start()) {
      (void)write_all(alive_.get(), std::string_view(&kStartedSign, 1));  // nobody may listen any more
      watch();
    }
    return write_down();
  }

 private:
  bool start() {
    auto out = Pipe::make();
    auto err = Pipe::make();
    auto failure = Pipe::make();
    if (!out || !err || !failure) return not_started("its pipes cannot be made", errno);
    // Not before the claim: see TurnFolders::forget().
    const Descriptor request(::openat(folder_.get(), "request", O_RDONLY | O_CLOEXEC));
    if (!request.is_open()) return not_started("its text cannot be opened", errno);
    // Everything that needs memory is made before the fork; the child only makes system calls.
    std::vector<std::string> all;
    for (char** entry = environ; *entry != nullptr; ++entry) all.emplace_back(*entry);
    auto variables = program_environment(all, order_.environment);
    auto words = order_.argv;
    const auto environment = pointers(variables);
    const auto arguments = pointers(words);
    const pid_t self = ::getpid();
    program_ = ::fork();
    if (program_ < 0) return not_started("no process can be made for it", errno);
    if (program_ == 0) become_program(self, request.get(), out->writing.get(), err->writing.get(), failure->writing.get(), arguments, environment);
    ::setpgid(program_, program_);  // the child does so too: whoever comes first
    failure->writing.close();
    StartFailure why{};
    ssize_t count = 0;
    do {
      count = ::read(failure->reading.get(), &why, sizeof why);
    } while (count < 0 && errno == EINTR);
    if (count == static_cast<ssize_t>(sizeof why)) {
      reap();
      return not_started(why.at == StartFailure::At::Workdir ? "gateway.workdir \"" + order_.workdir + "\" cannot be entered"
                                                             : "\"" + order_.argv.front() + "\" cannot be run",
                         why.error_number);
    }
    // Only our ends: the others are the program's stdout and stderr, and programs do not expect a full pipe to be an error.
    never_block(out->reading);
    never_block(err->reading);
    out_ = std::move(out->reading);
    err_ = std::move(err->reading);
    started_ = Clock::now();
    return true;
  }

  [[noreturn]] void become_program(pid_t supervisor, int in, int out, int err, int failure, const std::vector<char*>& arguments,
                                   const std::vector<char*>& environment) const {
    ::setpgid(0, 0);
    if (!end_with_parent(supervisor)) ::_exit(EXIT_FAILURE);
    ::dup2(in, STDIN_FILENO);
    ::dup2(out, STDOUT_FILENO);
    ::dup2(err, STDERR_FILENO);
    // What is ignored stays ignored in a new program.
    for (const int number : {SIGPIPE, SIGHUP}) ::signal(number, SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    StartFailure why{StartFailure::At::Workdir, 0};
    if (::chdir(order_.workdir.c_str()) == 0) {
      why.at = StartFailure::At::Program;
      ::execve(arguments.front(), arguments.data(), environment.data());
    }
    why.error_number = errno;
    (void)write_all(failure, std::string_view(reinterpret_cast<const char*>(&why), sizeof why));
    ::_exit(EXIT_FAILURE);
  }

  bool not_started(const std::string& what, int error_number) {
    end_.how = TurnEnd::How::NotStarted;
    end_.reason = what + ": " + std::generic_category().message(error_number);
    return false;
  }

  void watch() {
    while (!has_ended()) {
      std::array<pollfd, 4> files{{{out_.get(), POLLIN, 0}, {err_.get(), POLLIN, 0}, {control_.get(), POLLIN, 0}, {signals_.reading.get(), POLLIN, 0}}};
      if (::poll(files.data(), files.size(), poll_time()) < 0 && errno != EINTR) break;
      if (files[0].revents != 0) take_output(out_, kPipeBytesMax, &Supervisor::keep_output);
      if (files[1].revents != 0) take_output(err_, kPipeBytesMax, &Supervisor::keep_errors);
      if (files[2].revents != 0 && is_told_to_end()) end_program(TurnEnd::Ended::OnAbort);
      if (files[3].revents != 0) take_signals();
      const auto now = Clock::now();
      if (order_.time_limit > 0ms && now >= started_ + order_.time_limit) end_program(TurnEnd::Ended::AtTimeLimit);
      if (kill_at_ && now >= *kill_at_) {
        ::kill(-program_, SIGKILL);
        kill_at_.reset();
      }
    }
    // What it left in the pipes; others that it started may still hold and even fill them.
    take_output(out_, kPipeBytesMax, &Supervisor::keep_output);
    take_output(err_, kPipeBytesMax, &Supervisor::keep_errors);
    // Whom it was ended with goes too. It is not reaped yet, so the group's number is still its own.
    if (end_.ended != TurnEnd::Ended::ByItself) ::kill(-program_, SIGKILL);
    reap();
    end_.last_errors = make_utf8(end_.last_errors);
  }

  [[nodiscard]] bool has_ended() const {
    siginfo_t info{};
    return ::waitid(P_PID, static_cast<id_t>(program_), &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == program_;
  }

  void reap() {
    int status = 0;
    while (::waitpid(program_, &status, 0) < 0 && errno == EINTR) {
    }
    end_.how = WIFSIGNALED(status) ? TurnEnd::How::Signalled : TurnEnd::How::Exited;
    end_.code = WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);
  }

  [[nodiscard]] int poll_time() const {
    auto until = Clock::time_point::max();
    if (order_.time_limit > 0ms && end_.ended == TurnEnd::Ended::ByItself) until = started_ + order_.time_limit;
    if (kill_at_) until = std::min(until, *kill_at_);
    if (until == Clock::time_point::max()) return -1;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now()).count();
    return static_cast<int>(std::clamp<std::int64_t>(left, 0, 60'000));
  }

  void end_program(TurnEnd::Ended why) {
    if (end_.ended != TurnEnd::Ended::ByItself) return;
    end_.ended = why;
    ::kill(-program_, SIGTERM);
    ::kill(-program_, SIGCONT);  // one that is stopped would not notice
    kill_at_ = Clock::now() + kGrace;
  }

  void take_output(Descriptor& from, std::size_t most, void (Supervisor::*keep)(std::string_view)) {
    std::array<char, 65536> block;
    for (std::size_t taken = 0; from.is_open() && taken < most;) {
      const ssize_t count = ::read(from.get(), block.data(), block.size());
      if (count < 0 && errno == EINTR) continue;
      if (count < 0 && errno == EAGAIN) return;
      if (count <= 0) {
        from.close();
        return;
      }
      taken += static_cast<std::size_t>(count);
      (this->*keep)(std::string_view(block.data(), static_cast<std::size_t>(count)));
    }
  }

  void keep_output(std::string_view bytes) {
    const auto room = static_cast<std::size_t>(order_.reply_bytes) - end_.output.size();
    end_.truncated = end_.truncated || bytes.size() > room;
    tell(bytes.substr(0, room));
    end_.output.append(bytes.substr(0, room));
  }

  // From the beginning and without a gap: once something cannot be told at once, nothing more is. (Nobody listens, or the FIFO is full.)
  void tell(std::string_view bytes) {
    const auto told = std::min(end_.output.size(), kToldBytesMax);
    tells_ = tells_ && write_all(alive_.get(), bytes.substr(0, kToldBytesMax - told)) == 0;
  }

  void keep_errors(std::string_view bytes) {
    end_.last_errors.append(bytes);
    if (end_.last_errors.size() > kLastErrorsBytes) end_.last_errors.erase(0, end_.last_errors.size() - kLastErrorsBytes);
  }

  [[nodiscard]] bool is_told_to_end() const {
    char byte = 0;
    return ::read(control_.get(), &byte, 1) == 1;
  }

  void take_signals() {
    std::array<char, 64> numbers{};
    const ssize_t count = ::read(signals_.reading.get(), numbers.data(), numbers.size());
    for (ssize_t i = 0; i < count; ++i) {
      if (numbers[static_cast<std::size_t>(i)] != SIGCHLD) end_program(TurnEnd::Ended::OnSignal);
    }
  }

  // An outcome that is known is not given up because the disk is full: the turn has not ended until it is written down.
  int write_down() {
    for (bool first = true;; first = false) {
      const int error = write_turn_end(folder_.get(), end_, order_.durable);
      if (error == 0) return EXIT_SUCCESS;
      if (first) {
        std::fprintf(stderr, "clawbridge: cannot write the outcome of a turn into \"%s\": %s; free space there, it is tried again every second\n",
                     order_.folder.c_str(), std::generic_category().message(error).c_str());
      }
      if (error == ENOENT) return EXIT_FAILURE;  // somebody removed the folder
      std::array<char, 64> ignored{};
      (void)!::read(signals_.reading.get(), ignored.data(), ignored.size());
      ::poll(nullptr, 0, static_cast<int>(std::chrono::milliseconds(kWriteRetry).count()));
    }
  }

  const SupervisorOrder& order_;
  Descriptor alive_;  // held until this process is gone: its closing is how the bridge learns
  Descriptor control_;
  bool tells_;
  Descriptor folder_;
  Pipe signals_;
  Descriptor out_;
  Descriptor err_;
  pid_t program_ = -1;
  Clock::time_point started_{};
  std::optional<Clock::time_point> kill_at_;
  TurnEnd end_;
};

}  // namespace

int supervise_turn(const SupervisorOrder& order) {
  return Supervisor(order).run();
}

std::optional<int> run_as_supervisor(int argc, const char* const* argv) {
  if (argc < 2 || std::string_view(argv[1]) != kSuperviseCommand) return std::nullopt;
  const auto order = supervisor_order(std::vector<std::string>(argv + 1, argv + argc));
  if (!order) {
    std::fprintf(stderr, "clawbridge: %s is how the bridge starts a turn of its command gateway; it is not for people\n", kSuperviseCommand);
    return EXIT_FAILURE;
  }
  return supervise_turn(*order);
}

}  // namespace clawbridge::gateway

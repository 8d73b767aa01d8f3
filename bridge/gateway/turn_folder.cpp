#include "bridge/gateway/turn_folder.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdio>
#include <system_error>

#include "bridge/gateway/attachments.h"
#include "bridge/gateway/machine.h"
#include "topics/encoding.h"
#include "topics/limits.h"

namespace clawbridge::gateway {
namespace {

namespace fs = std::filesystem;

constexpr const char* kRequest = "request";
constexpr const char* kFiles = "files";
constexpr const char* kReply = "reply";
constexpr const char* kAlive = "alive";
constexpr const char* kControl = "control";
constexpr const char* kClaimed = "claimed";
constexpr const char* kEnded = "ended";
constexpr const char* kEndedNew = "ended.new";
constexpr const char* kRootId = ".id";
constexpr const char* kRootIdNew = ".id.new";
constexpr std::string_view kGone = ".gone-";
constexpr std::size_t kLeftFilesLookedAt = 64;  // that a program has left; far more than go with a reply

std::string text_of(int error_number) {
  return std::generic_category().message(error_number);
}

std::optional<std::string> read_file(int folder, const char* name) {
  const Descriptor file(::openat(folder, name, O_RDONLY | O_CLOEXEC));
  if (!file.is_open()) return std::nullopt;
  std::string text;
  std::array<char, 65536> block{};
  while (true) {
    const ssize_t count = ::read(file.get(), block.data(), block.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return std::nullopt;
    if (count == 0) return text;
    text.append(block.data(), static_cast<std::size_t>(count));
  }
}

/// Makes the file with this content. Returns the errno value, 0 when it is there.
int write_file(int folder, const char* name, std::string_view text, bool durable) {
  const Descriptor file(::openat(folder, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!file.is_open()) return errno;
  if (const int error = write_all(file.get(), text); error != 0) return error;
  return durable && ::fsync(file.get()) != 0 ? errno : 0;
}

/// Writes the files into a new folder, under names that are safe and their own. Returns the errno value, 0 when all are written.
int write_files(int folder, const std::vector<body::Attachment>& files) {
  if (::mkdirat(folder, kFiles, 0700) != 0) return errno;
  const Descriptor into(::openat(folder, kFiles, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!into.is_open()) return errno;
  std::set<std::string> names;
  for (const auto& file : files) {
    auto name = safe_file_name(file.name);
    for (int number = 2; !names.insert(name).second; ++number) name = std::to_string(number) + "-" + safe_file_name(file.name);
    if (const int error = write_file(into.get(), name.c_str(), base64_decode(file.content).value_or(""), false); error != 0) return error;
  }
  return 0;
}

/// All of a regular file of at most that many bytes; otherwise why not. Follows no link and waits for no FIFO.
std::variant<std::string, std::string_view> read_left_file(int folder, const std::string& name, std::size_t bytes_max) {
  const Descriptor file(::openat(folder, name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  struct stat status{};
  if (!file.is_open() || ::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode)) return std::string_view("it is no file that can be read");
  if (status.st_size > static_cast<off_t>(bytes_max)) return std::string_view("it is too large beside the others");
  std::string bytes(static_cast<std::size_t>(status.st_size), '\0');
  std::size_t have = 0;
  while (have < bytes.size()) {
    const ssize_t count = ::read(file.get(), bytes.data() + have, bytes.size() - have);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) break;
    have += static_cast<std::size_t>(count);
  }
  bytes.resize(have);
  return bytes;
}

/// True while a supervisor holds the other end. Takes what was written to it: only that somebody is there counts.
bool has_writer(int alive) {
  std::array<char, 64> block{};
  while (true) {
    const ssize_t count = ::read(alive, block.data(), block.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return count < 0 && errno == EAGAIN;
  }
}

std::string claim_of(int folder) {
  std::array<char, 64> who{};
  const ssize_t count = ::readlinkat(folder, kClaimed, who.data(), who.size());
  return count < 0 ? std::string() : std::string(who.data(), static_cast<std::size_t>(count));
}

Error folder_error(const std::string& what, const fs::path& path, int error_number) {
  return {ErrorCode::GatewayError, "cannot " + what + " \"" + path.string() + "\": " + text_of(error_number) + "; the turns lie beside the journal, store.path",
          true};
}

}  // namespace

std::string claim_of_supervisor(int process_id) {
  return "supervisor " + std::to_string(process_id);
}

bool claim_turn(int folder, std::string_view who) {
  return ::symlinkat(std::string(who).c_str(), folder, kClaimed) == 0;
}

int write_turn_end(int folder, const TurnEnd& end, bool durable) {
  if (const int error = write_file(folder, kEndedNew, encode(end), durable); error != 0) return error;
  if (::renameat(folder, kEndedNew, folder, kEnded) != 0) return errno;
  if (!durable) return 0;
  const Descriptor root(::openat(folder, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  return ::fsync(folder) != 0 || ::fsync(root.get()) != 0 ? errno : 0;
}

std::string turn_folder_name(std::string_view key) {
  constexpr const char* kDigits = "0123456789ABCDEF";
  std::string name;
  for (const char c : key) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = (byte < 0x80 && std::isalnum(byte) != 0) || c == ':' || c == '_' || c == '-' || (c == '.' && !name.empty());
    if (plain) {
      name += c;
    } else {
      name += '%';
      name += kDigits[byte >> 4U];
      name += kDigits[byte & 15U];
    }
  }
  return name;
}

fs::path TurnFolders::folder_of(const std::string& key) const {
  return root_ / turn_folder_name(key);
}

Result<std::string> TurnFolders::open() {
  if (::mkdir(root_.c_str(), 0700) != 0 && errno != EEXIST) return folder_error("make the folder", root_, errno);
  const Descriptor root(::open(root_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!root.is_open()) return folder_error("open the folder", root_, errno);
  auto id = read_file(root.get(), kRootId);
  if (!id || id->empty()) {
    id = random_id();
    int error = write_file(root.get(), kRootIdNew, *id, false);
    if (error == 0 && ::renameat(root.get(), kRootIdNew, root.get(), kRootId) != 0) error = errno;
    if (error != 0) return folder_error("write to the folder", root_, error);
  }
  const std::string& machine = machine_boot_id();
  return machine + "." + *id;
}

std::variant<TurnFolders::Prepared, TurnFolders::AlreadyThere, Error> TurnFolders::prepare(const std::string& key, std::string_view text,
                                                                                           const std::vector<body::Attachment>& files) {
  Prepared made;
  made.folder = folder_of(key);
  if (::mkdir(made.folder.c_str(), 0700) != 0) {
    if (errno == EEXIST) return AlreadyThere{};
    return folder_error("make the folder", made.folder, errno);
  }
  const auto fail = [&](const char* what) -> Error {
    auto error = folder_error(what, made.folder, errno);
    forget(key);
    return error;
  };
  const Descriptor folder(::open(made.folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder.is_open()) return fail("open the folder");
  if (errno = write_file(folder.get(), kRequest, text, false); errno != 0) return fail("write the text into");
  if (!files.empty()) {
    if (errno = write_files(folder.get(), files); errno != 0) return fail("write the attached files into");
    made.files = made.folder / kFiles;
  }
  if (::mkdirat(folder.get(), kReply, 0700) != 0) return fail("make a folder in");
  made.reply_files = made.folder / kReply;
  if (::mkfifoat(folder.get(), kAlive, 0600) != 0 || ::mkfifoat(folder.get(), kControl, 0600) != 0) return fail("make a FIFO in");
  // The reading end first: without a reader the writing end could not be opened without waiting for one.
  made.alive = Descriptor(::openat(folder.get(), kAlive, O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  made.alive_for_it = Descriptor(::openat(folder.get(), kAlive, O_WRONLY | O_NONBLOCK | O_CLOEXEC));
  // Both ends: so that it can be written to before the supervisor looks, and never ends.
  made.control_for_it = Descriptor(::openat(folder.get(), kControl, O_RDWR | O_NONBLOCK | O_CLOEXEC));
  if (!made.alive.is_open() || !made.alive_for_it.is_open() || !made.control_for_it.is_open()) return fail("open a FIFO in");
  return made;
}

TurnFolders::State TurnFolders::look(const std::string& key) const {
  const Descriptor folder(::open(folder_of(key).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder.is_open()) return Absent{};
  const auto end = [&]() -> std::optional<TurnEnd> {
    const auto bytes = read_file(folder.get(), kEnded);
    return bytes ? decode_turn_end(*bytes) : std::nullopt;
  };
  if (auto known = end()) return std::move(*known);
  // Opened before the question whether somebody is there, so that the supervisor's end is noticed from here on.
  Descriptor alive(::openat(folder.get(), kAlive, O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  if (claim_turn(folder.get(), kClaimOfBridge) || claim_of(folder.get()) == kClaimOfBridge) return Unclaimed{};
  if (alive.is_open() && has_writer(alive.get())) return Running{std::move(alive)};
  // It may have ended since the first look; after that it is gone, and nothing changes any more.
  if (auto known = end()) return std::move(*known);
  return Vanished{};
}

TurnFolders::Left TurnFolders::take_reply_files(const std::string& key) const {
  const auto path = folder_of(key) / kReply;
  std::set<std::string> names;
  std::error_code error;
  for (fs::directory_iterator at(path, error), end; !error && at != end && names.size() < kLeftFilesLookedAt; at.increment(error)) names.insert(at->path().filename().string());
  const Descriptor folder(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  Left left;
  ReplyFiles taken;
  for (const auto& name : names) {
    const auto shown = safe_file_name(name);
    const auto file = read_left_file(folder.get(), name, taken.room());
    const auto* why_not = std::get_if<std::string_view>(&file);
    if (taken.count() == kAttachmentsMax) {
      left.left_out.push_back("more than " + std::to_string(kAttachmentsMax) + " files");
      break;
    }
    if (why_not != nullptr) {
      left.left_out.push_back(shown + ": " + std::string(*why_not));
    } else {
      taken.add(shown, mime_type_of(shown), std::get<std::string>(file));
    }
  }
  left.files = std::move(taken).take();
  return left;
}

std::optional<std::string> TurnFolders::ask_to_end(const std::string& key) const {
  const auto path = folder_of(key) / kControl;
  const Descriptor control(::open(path.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC));
  if (!control.is_open()) return errno == ENXIO || errno == ENOENT ? "the turn has just ended" : "cannot open \"" + path.string() + "\": " + text_of(errno);
  const int error = write_all(control.get(), "e");
  // A full FIFO has told it often enough.
  if (error != 0 && error != EAGAIN) return "cannot write to \"" + path.string() + "\": " + text_of(error);
  return std::nullopt;
}

void TurnFolders::forget(const std::string& key) const {
  // The text goes while `claimed` is still there: a late supervisor that has the folder open may come to claim it when that is
  // gone too, and then finds nothing to run.
  if (::unlink((folder_of(key) / kRequest).c_str()) != 0 && errno != ENOENT) return;
  // Out of the way in one step: half a folder could be taken for a turn that never ran.
  const auto gone = root_ / (std::string(kGone) + turn_folder_name(key));
  std::error_code ignored;  // what cannot be removed now is removed after the next start
  if (::rename(folder_of(key).c_str(), gone.c_str()) == 0) fs::remove_all(gone, ignored);
}

std::vector<std::string> TurnFolders::list() const {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator at(root_, error), end; !error && at != end; at.increment(error)) {
    auto name = at->path().filename().string();
    if (name != kRootId && name != kRootIdNew) names.push_back(std::move(name));
  }
  return names;
}

void TurnFolders::remove(const std::string& name) const {
  std::error_code ignored;
  if (name.starts_with(kGone)) {
    fs::remove_all(root_ / name, ignored);
    return;
  }
  const Descriptor alive(::open((root_ / name / kAlive).c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  if (alive.is_open() && has_writer(alive.get())) return;
  const auto gone = root_ / (std::string(kGone) + name);
  if (::rename((root_ / name).c_str(), gone.c_str()) == 0) fs::remove_all(gone, ignored);
}

}  // namespace clawbridge::gateway

// Files that travel with a message or its reply.
#pragma once

#include <cstddef>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace clawbridge::cli {

/// The argument `attachments` for these files. Throws Failure: usage for too many, failed for one that cannot be read.
[[nodiscard]] nlohmann::json read_attachments(const std::vector<std::string>& paths);

/// Writes the files of an exchange's reply into `directory`, which is made if need be. Nothing there is overwritten: of two
/// files of one name the second gets a number. A file whose content is not that of its digest is not written. Returns the paths.
/// Throws Failure.
std::vector<std::string> save_attachments(const nlohmann::json& exchange, const std::string& directory);

/// A name under which a file of somebody else's choosing can be written: no folders, no control characters, not hidden, not
/// too long. `number` names one that has none.
[[nodiscard]] std::string safe_name(std::string_view name, std::size_t number);

/// For example `image/png`, by the name's end; `application/octet-stream` for one that is not known.
[[nodiscard]] std::string_view mime_type_of(std::string_view name);

}  // namespace clawbridge::cli

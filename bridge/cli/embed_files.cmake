# Writes plugin_files.cpp. Called by the build: cmake -DFOLDER=… -DFILES=a,b/c -DOUT=… -P embed_files.cmake
string(REPLACE "," ";" FILES "${FILES}")
set(entries "")
foreach(file ${FILES})
  file(READ ${FOLDER}/${file} text HEX)
  # As bytes: no text can end the literal, and CMake would eat semicolons and brackets of a text.
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "\\\\x\\1" text "${text}")
  string(APPEND entries "    {\"${file}\", \"${text}\"},\n")
endforeach()
file(WRITE ${OUT} "// Made by embed_files.cmake.
#include \"bridge/cli/plugin_files.h\"

namespace clawbridge::cli {
namespace {
constexpr PluginFile kFiles[] = {
${entries}};
}  // namespace

std::span<const PluginFile> plugin_files() {
  return kFiles;
}

}  // namespace clawbridge::cli
")

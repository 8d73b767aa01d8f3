# Writes a source with files as texts. Called by the build: see clawbridge_embed() in CMakeLists.txt beside this.
string(REPLACE "," ";" FILES "${FILES}")
set(entries "")
foreach(file ${FILES})
  file(READ ${FOLDER}/${file} text HEX)
  # As bytes: no text can end the literal, and CMake would eat semicolons and brackets of a text.
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "\\\\x\\1" text "${text}")
  string(APPEND entries "    {\"${file}\", \"${text}\"},\n")
endforeach()
file(WRITE ${OUT} "// Made by embed_files.cmake.
#include \"${HEADER}\"

namespace ${NAMESPACE} {
namespace {
constexpr ${TYPE} k${TYPE}s[] = {
${entries}};
}  // namespace

std::span<const ${TYPE}> ${FUNCTION}() {
  return k${TYPE}s;
}

}  // namespace ${NAMESPACE}
")

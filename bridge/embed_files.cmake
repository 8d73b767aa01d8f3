# Writes a source that holds files as texts of the program: the function FUNCTION() of HEADER returns them as a span of TYPE, each
# {path, text}. Called by the build (clawbridge_embed below); by itself:
#   cmake -DFOLDER=… -DFILES=a,b/c -DOUT=… -DHEADER=bridge/api/page.h -DNAMESPACE=api -DTYPE=PageFile -DFUNCTION=page_files -P embed_files.cmake
if(NOT CMAKE_SCRIPT_MODE_FILE)
  # clawbridge_embed(<out.cpp> FOLDER … FILES … HEADER … NAMESPACE … TYPE … FUNCTION …): makes it whenever one of the files changes.
  set(CLAWBRIDGE_EMBED_SCRIPT ${CMAKE_CURRENT_LIST_FILE})
  function(clawbridge_embed out)
    cmake_parse_arguments(ARG "" "FOLDER;HEADER;NAMESPACE;TYPE;FUNCTION" "FILES" ${ARGN})
    list(JOIN ARG_FILES "," names)
    list(TRANSFORM ARG_FILES PREPEND ${ARG_FOLDER}/)
    add_custom_command(OUTPUT ${out} VERBATIM
      COMMAND ${CMAKE_COMMAND} -DFOLDER=${ARG_FOLDER} -DFILES=${names} -DOUT=${CMAKE_CURRENT_BINARY_DIR}/${out} -DHEADER=${ARG_HEADER}
              -DNAMESPACE=${ARG_NAMESPACE} -DTYPE=${ARG_TYPE} -DFUNCTION=${ARG_FUNCTION} -P ${CLAWBRIDGE_EMBED_SCRIPT}
      DEPENDS ${CLAWBRIDGE_EMBED_SCRIPT} ${ARG_FILES})
  endfunction()
  return()
endif()

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

namespace clawbridge::${NAMESPACE} {
namespace {
constexpr ${TYPE} k${TYPE}s[] = {
${entries}};
}  // namespace

std::span<const ${TYPE}> ${FUNCTION}() {
  return k${TYPE}s;
}

}  // namespace clawbridge::${NAMESPACE}
")

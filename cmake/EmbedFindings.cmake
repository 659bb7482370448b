# docs/findings/ID.md -> one C file with the table of findings, so that the program carries its pages of help. Run by the build:
#   cmake -DOUT=finding_pages.c -P EmbedFindings.cmake -- FILES...
# A page begins with "# ID: title" and has a line "Severity: low", medium or high. Other findings than those of pages do not exist.
set(files)
set(after_dashes FALSE)
math(EXPR last "${CMAKE_ARGC} - 1")
foreach(i RANGE ${last})
  if(after_dashes)
    list(APPEND files "${CMAKE_ARGV${i}}")
  elseif("${CMAKE_ARGV${i}}" STREQUAL "--")
    set(after_dashes TRUE)
  endif()
endforeach()
list(SORT files COMPARE STRING)

set(arrays "")
set(rows "")
set(number 0)
foreach(file IN LISTS files)
  get_filename_component(name ${file} NAME)
  string(REGEX REPLACE "[.]md$" "" id ${name})
  if(NOT id MATCHES "^[a-z][a-z0-9.-]*$")
    message(FATAL_ERROR "${name}: findings are named by lower-case letters, digits, '.' and '-'")
  endif()
  file(STRINGS ${file} head LIMIT_COUNT 1)
  if(NOT head MATCHES "^# ([a-z0-9.-]+): ([A-Za-z0-9 ,.'()/+-]+)$" OR NOT CMAKE_MATCH_1 STREQUAL id)
    message(FATAL_ERROR "${name}: the first line must be \"# ${id}: title\", a title of plain words")
  endif()
  set(title "${CMAKE_MATCH_2}")
  file(STRINGS ${file} severity REGEX "^Severity: (low|medium|high)$")
  list(LENGTH severity n)
  if(NOT n EQUAL 1)
    message(FATAL_ERROR "${name}: one line must be \"Severity: low\", medium or high")
  endif()
  string(REPLACE "Severity: " "" severity "${severity}")
  string(TOUPPER "${severity}" severity)
  file(READ ${file} hex HEX)
  string(REGEX REPLACE "(................................)" "\\1\n" hex "${hex}")
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," hex "${hex}")
  string(APPEND arrays "static const char page_${number}[] = {\n${hex}0x00};\n")
  string(APPEND rows "\t{\"${id}\", \"${title}\", page_${number}, \"policy.finding:${id}\", \"finding:${id}\", SEVERITY_${severity}},\n")
  math(EXPR number "${number} + 1")
endforeach()
file(WRITE ${OUT} "/* Generated from docs/findings by cmake/EmbedFindings.cmake. */
#include \"finding.h\"
#include \"limits.h\"

${arrays}
const struct finding finding_table[] = {
${rows}};
const size_t finding_count = ${number};
_Static_assert(${number} <= LIMIT_FINDINGS && ${number} <= 64, \"a posture holds so many, and a set of them has 64 bits\");
")

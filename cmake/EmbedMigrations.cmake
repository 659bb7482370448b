# schema/NNNN_*.sql -> one C file with their bytes, so that the program carries its schema. Run by the build:
#   cmake -DOUT=migrations.c -P EmbedMigrations.cmake -- FILES...
# Numbers must run from 0001 without a hole: user_version counts them.
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
  math(EXPR number "${number} + 1")
  get_filename_component(name ${file} NAME)
  string(REGEX MATCH "^([0-9][0-9][0-9][0-9])_[a-z0-9_]+[.]sql$" ok ${name})
  if(NOT ok)
    message(FATAL_ERROR "${name}: migrations are named NNNN_what.sql")
  endif()
  string(REGEX REPLACE "^0+" "" claimed ${CMAKE_MATCH_1})
  if(NOT claimed EQUAL number)
    message(FATAL_ERROR "${name}: expected number ${number}")
  endif()
  file(READ ${file} hex HEX)
  string(REGEX REPLACE "(................................)" "\\1\n" hex "${hex}")
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," hex "${hex}")
  string(APPEND arrays "static const char sql_${number}[] = {\n${hex}0x00};\n")
  string(APPEND rows "\t{${number}, \"${name}\", sql_${number}},\n")
endforeach()

file(WRITE ${OUT} "/* Generated from the folder schema by cmake/EmbedMigrations.cmake. */
#include \"store_migrations.h\"

${arrays}
const struct migration store_migrations[] = {
${rows}};
const int store_migrations_n = ${number};
")

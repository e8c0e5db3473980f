# storegate_library(NAME LINKS …): one static library of all .cc files of the
# folder. What it links to is what it may include; tests/unit/layout_test.py
# holds the link graph to the design.
function(storegate_library name)
  file(GLOB sources CONFIGURE_DEPENDS *.cc)
  if(NOT sources)
    file(WRITE ${CMAKE_CURRENT_BINARY_DIR}/empty.cc "")
    set(sources ${CMAKE_CURRENT_BINARY_DIR}/empty.cc)
  endif()
  add_library(storegate_${name} STATIC ${sources})
  target_include_directories(storegate_${name} PUBLIC ${PROJECT_SOURCE_DIR})
  target_link_libraries(storegate_${name} PUBLIC ${ARGN})
endfunction()

# Installs into a fresh directory and builds an example against that.
set(work ${BUILD}/install_test)
file(REMOVE_RECURSE ${work})

function(run)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE status OUTPUT_VARIABLE out ERROR_VARIABLE out)
  if(NOT status EQUAL 0)
    message(FATAL_ERROR "${ARGN}\n${out}")
  endif()
endfunction()

run(${CMAKE_COMMAND} --install ${BUILD} --prefix ${work}/prefix)
set(flags "")
if(FLAGS)
  set(flags "-fsanitize=${FLAGS}")
endif()
run(${CMAKE_COMMAND} -S ${SOURCE}/client/examples -B ${work}/build -DCMAKE_PREFIX_PATH=${work}/prefix
  -DCMAKE_CXX_COMPILER=${COMPILER} -DCMAKE_CXX_FLAGS=${flags} -DCMAKE_EXE_LINKER_FLAGS=${flags})
run(${CMAKE_COMMAND} --build ${work}/build --target example_produce example_embedded)
run(${work}/build/example_embedded)
file(REMOVE_RECURSE ${work})

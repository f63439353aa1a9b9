# What other programs need: find_package(holdfast) gives holdfast::client, the client library, and holdfast::embedded,
# a whole node to start inside of a test.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/holdfast)
set(header_dir ${CMAKE_INSTALL_INCLUDEDIR}/holdfast)

# Code compiled with other settings of Asio must not meet this one's.
target_compile_definitions(runtime INTERFACE BOOST_ASIO_NO_DEPRECATED BOOST_ASIO_DISABLE_EPOLL_HANGUP_WORKAROUND)
target_compile_features(runtime INTERFACE cxx_std_23)
set_target_properties(broker PROPERTIES EXPORT_NAME embedded)
install(TARGETS runtime wire config log coordination client broker EXPORT holdfast
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}/holdfast
  INCLUDES DESTINATION ${header_dir})
install(EXPORT holdfast NAMESPACE holdfast:: FILE holdfastTargets.cmake DESTINATION ${package_dir})
foreach(room runtime wire config client)
  install(DIRECTORY ${room} DESTINATION ${header_dir} FILES_MATCHING PATTERN "*.h"
    PATTERN examples EXCLUDE PATTERN cli.h EXCLUDE PATTERN "cli_*.h" EXCLUDE)
endforeach()
install(FILES broker/embedded_node.h DESTINATION ${header_dir}/broker)

configure_package_config_file(cmake/holdfastConfig.cmake.in ${CMAKE_BINARY_DIR}/holdfastConfig.cmake
  INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(${CMAKE_BINARY_DIR}/holdfastConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/holdfastConfig.cmake ${CMAKE_BINARY_DIR}/holdfastConfigVersion.cmake
  DESTINATION ${package_dir})
if(TARGET holdfast)
  install(TARGETS holdfast RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
  install(FILES docs/holdfast.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
endif()

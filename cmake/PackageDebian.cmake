# A Debian package by CPack, of what `cmake --install` installs. scripts/package sets SHADOWTAP_PACKAGE and the paths
# that Debian's policy asks for.
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME shadowtap)
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGE_CONTACT "The shadowtap authors <shadowtap@example.org>" CACHE STRING "Maintainer of the package")
set(CPACK_SET_DESTDIR ON) # configuration goes to /etc, which is not below the prefix
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_PACKAGE_RELEASE 1)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_COMPRESSION_TYPE xz)
set(CPACK_DEBIAN_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_DEPENDS adduser) # where there is no systemd-sysusers
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "sqlite3, prometheus-node-exporter")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "passive sensor that finds unapproved MCP connections")
set(CPACK_DEBIAN_PACKAGE_DESCRIPTION
"AI agents reach tools and data through Model Context Protocol (MCP) servers,
and anybody can wire up a remote one in minutes. shadowtap reads packets from
a span port, a gateway's interface or a capture file, recognises MCP in every
revision of the protocol, holds each connection against a list of approved
servers, and writes what it saw, how sure it is and why into an SQLite
database.

It sits beside the traffic, never in it: nothing to decrypt, no agent, no
proxy, nothing that can break a connection.")
set(debian ${PROJECT_SOURCE_DIR}/packaging/debian)
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA ${debian}/conffiles ${debian}/postinst ${debian}/prerm ${debian}/postrm)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
include(CPack)

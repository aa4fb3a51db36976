# Compiler flags for every target. Sanitizers and -Werror come from the presets' cache variables.
include(CheckCCompilerFlag)

set(CMAKE_C_EXTENSIONS ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(UMBRA_SANITIZE "" CACHE STRING "address,undefined | thread | fuzzer-no-link,address,undefined")
option(UMBRA_WERROR "Warnings are errors" OFF)
option(UMBRA_FUZZ "Build libFuzzer programs (clang)" OFF)

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release)
endif()
# No NDEBUG: assertions are cheap and stay.
if(UMBRA_SANITIZE)
  set(CMAKE_C_FLAGS_RELEASE "-O1 -g")
else()
  set(CMAKE_C_FLAGS_RELEASE "-O2 -g1")
endif()

find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
pkg_check_modules(OPENSSL QUIET IMPORTED_TARGET libcrypto>=3.5)
if(NOT OPENSSL_FOUND)
  message(FATAL_ERROR "OpenSSL 3.5 or newer (libcrypto) is not installed: run tools/setup")
endif()
function(umbra_library name module)
  pkg_check_modules(${name} QUIET IMPORTED_TARGET GLOBAL ${module})
  if(NOT ${name}_FOUND)
    message(FATAL_ERROR "${module} is not installed: run tools/setup")
  endif()
endfunction()
umbra_library(TLS libssl)
umbra_library(MNL libmnl)
umbra_library(SYSTEMD libsystemd)
umbra_library(YAML yaml-0.1)
umbra_library(SQLITE sqlite3)
umbra_library(UV libuv)
umbra_library(CARES libcares)
umbra_library(JANSSON jansson)
umbra_library(MICROHTTPD libmicrohttpd)
umbra_library(CURL libcurl)
umbra_library(QRENCODE libqrencode)
umbra_library(SECCOMP libseccomp)
umbra_library(CAPNG libcap-ng)
umbra_library(LLHTTP libllhttp)
umbra_library(NGHTTP2 libnghttp2)
# Optional: batched cryptography on x86-64, and the unit tests' framework.
find_library(IPSEC_MB_LIBRARY IPSec_MB)
find_path(IPSEC_MB_INCLUDE intel-ipsec-mb.h)
find_library(CMOCKA_LIBRARY cmocka)

add_library(umbra_flags INTERFACE)
target_compile_options(umbra_flags INTERFACE
  -std=gnu2x -Wall -Wextra -Wconversion -Wshadow -Wvla -Wstrict-prototypes -Wmissing-prototypes
  -Wpointer-arith -Wwrite-strings -Wformat=2 -Wimplicit-fallthrough -Wno-unused-parameter
  -fstack-protector-strong -fno-strict-aliasing -fPIE -fno-plt)
target_compile_definitions(umbra_flags INTERFACE _GNU_SOURCE)
target_include_directories(umbra_flags INTERFACE ${CMAKE_SOURCE_DIR}/src)
target_link_options(umbra_flags INTERFACE -pie -Wl,-z,relro,-z,now,-z,noexecstack)

# GCC 14.2 drops the assignment of a structure to the first element of an array fresh from calloc(),
# which unit.ctl.client shows. What comes earlier does not, what comes later has not been tried.
if(CMAKE_C_COMPILER_ID STREQUAL GNU AND CMAKE_C_COMPILER_VERSION VERSION_GREATER_EQUAL 14)
  target_compile_options(umbra_flags INTERFACE -fno-tree-dse)
endif()

# Hardening that only some compilers and processors know.
foreach(flag -fstack-clash-protection -fcf-protection=full -mbranch-protection=standard)
  string(MAKE_C_IDENTIFIER "UMBRA_HAS${flag}" known)
  set(CMAKE_REQUIRED_FLAGS -Werror)
  check_c_compiler_flag(${flag} ${known})
  unset(CMAKE_REQUIRED_FLAGS)
  if(${known})
    target_compile_options(umbra_flags INTERFACE ${flag})
  endif()
endforeach()

if(UMBRA_WERROR)
  target_compile_options(umbra_flags INTERFACE -Werror)
endif()
if(UMBRA_SANITIZE)
  target_compile_options(umbra_flags INTERFACE -fsanitize=${UMBRA_SANITIZE}
    -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(umbra_flags INTERFACE -fsanitize=${UMBRA_SANITIZE})
  if(CMAKE_C_COMPILER_ID STREQUAL "GNU" AND UMBRA_SANITIZE MATCHES "address.*undefined")
    # Only so do both heed log_path, in which tests look for a daemon's report.
    target_link_options(umbra_flags INTERFACE -static-libasan -static-libubsan)
  endif()
elseif(CMAKE_BUILD_TYPE MATCHES "^(Release|RelWithDebInfo|MinSizeRel)$")
  # Needs an optimising compiler; sanitizers intercept the plain functions only.
  target_compile_options(umbra_flags INTERFACE -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)
endif()

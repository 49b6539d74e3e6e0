// SPDX-License-Identifier: GPL-3.0-only
// Force-included into every file (see the Makefile): functions that have a safe counterpart here
// do not compile; the undefined name in the compiler's message tells the counterpart.
#pragma once

#include <stdio.h> // the real declarations must come before the macros
#include <stdlib.h>
#include <string.h>
#include <time.h>

// Some are macros already where the C library checks buffers (_FORTIFY_SOURCE with clang).
#undef strcpy
#undef strcat
#undef strncpy
#undef strncat
#undef sprintf
#undef vsprintf
#undef strtok
#undef atoi
#undef atol
#undef atoll
#undef atof
#undef sscanf
#undef system
#undef popen
#undef mktemp
#undef tmpnam
#undef gmtime
#undef localtime
#undef ctime
#undef asctime
#undef strerror

#define strcpy(...) strcpy_is_banned_use_base_buf_h
#define strcat(...) strcat_is_banned_use_base_buf_h
#define strncpy(...) strncpy_is_banned_use_base_buf_h
#define strncat(...) strncat_is_banned_use_base_buf_h
#define sprintf(...) sprintf_is_banned_use_base_buf_h
#define vsprintf(...) vsprintf_is_banned_use_base_buf_h
#define strtok(...) strtok_is_banned_use_base_strv_h
#define atoi(...) atoi_is_banned_use_base_parse_h
#define atol(...) atol_is_banned_use_base_parse_h
#define atoll(...) atoll_is_banned_use_base_parse_h
#define atof(...) atof_is_banned_use_base_parse_h
#define sscanf(...) sscanf_is_banned_use_base_parse_h
#define system(...) system_is_banned_use_base_process_h
#define popen(...) popen_is_banned_use_base_process_h
#define mktemp(...) mktemp_is_banned_use_base_file_h
#define tmpnam(...) tmpnam_is_banned_use_base_file_h
#define gmtime(...) gmtime_is_banned_use_base_clock_h
#define localtime(...) localtime_is_banned_use_base_clock_h
#define ctime(...) ctime_is_banned_use_base_clock_h
#define asctime(...) asctime_is_banned_use_base_clock_h
#define strerror(...) strerror_is_banned_use_base_error_h

#include <stddef.h>

#include "conf/schema.h"

/* From the list of the build (src/proto/protocols.list), as this folder knows none. */
const char *const schema_protocols[] = {UMBRA_PROTOCOLS NULL};
const char *const schema_stream_protocols[] = {UMBRA_STREAM_PROTOCOLS NULL};
const char *const schema_shared_protocols[] = {UMBRA_SHARED_PROTOCOLS NULL};
const char *const schema_login_protocols[] = {UMBRA_LOGIN_PROTOCOLS NULL};

#pragma once

#include "conf/schema.h"

/* A build with a protocol of each kind, as both_kinds.h has one of two. */
const char *const schema_protocols[] = {"wireguard", "phantom", "mighty", "phaze", NULL};
const char *const schema_stream_protocols[] = {"phantom", NULL};
const char *const schema_shared_protocols[] = {"mighty", NULL};
const char *const schema_login_protocols[] = {"phaze", NULL};

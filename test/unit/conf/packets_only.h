#pragma once

#include "conf/schema.h"

/* A build whose protocols carry packets, as both_kinds.h has one of both. */
const char *const schema_protocols[] = {"wireguard", NULL};
const char *const schema_stream_protocols[] = {NULL};
const char *const schema_shared_protocols[] = {NULL};
const char *const schema_login_protocols[] = {NULL};

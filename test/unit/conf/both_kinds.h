#pragma once

#include "conf/schema.h"

/*
 * A build whose protocols carry packets and streams: a program that has this has no need of
 * conf/protocols.c.
 */
const char *const schema_protocols[] = {"wireguard", "phantom", NULL};
const char *const schema_stream_protocols[] = {"phantom", NULL};
const char *const schema_shared_protocols[] = {NULL};
const char *const schema_login_protocols[] = {NULL};

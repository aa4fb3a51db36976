#pragma once

#include <stdbool.h>

#include "base/error.h"
#include "base/slice.h"
#include "engine/peer.h"
#include "wire/interface_settings.h"
#include "wire/uapi.h"

/* Lines of set and get operations that devices of several protocols have alike. */

/* What a set operation answers; 0 for ERR_OK. */
int device_lines_errno(enum err error);

/* device_ops.of_peers, where all that is not about peers stands before the first of them. */
bool device_lines_of_peers(struct slice text);

/* A line push_route, push_dns, push_domain or push_mtu; errno. */
int device_lines_push(struct interface_settings *tells, const struct uapi_entry *line);
void device_lines_put_push(const struct interface_settings *tells, struct uapi_text *out_text);

/* Where a peer is, when it was heard of, and what it sent and received. */
void device_lines_put_figures(const struct peer *peer, struct uapi_text *out_text);

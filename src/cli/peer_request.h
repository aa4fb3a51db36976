#pragma once

#include <stddef.h>

#include "base/error.h"
#include "cli/output.h"

/* "--rule", taken by command_take(). */
#define PEER_REQUEST_RULE_OPTION \
	{ "--rule", "RULE", "where its streams may lead; may stand several times", false }
enum { PEER_REQUEST_RULES_MAX = 512 };

/*
 * Puts texts of a command line or of a file into a request for a new peer. Each gives an exit code
 * after a message that begins with prefix ("peer add", "peer add: line 7").
 */

struct view_peer_request;

[[nodiscard]] int peer_request_set_name(const struct streams *streams, const char *prefix,
										const char *name, struct view_peer_request *request);
[[nodiscard]] int peer_request_set_key(const struct streams *streams, const char *prefix,
									   const char *text, struct view_peer_request *request);
/* "10.66.0.2/32,fd66::2/128" */
[[nodiscard]] int peer_request_set_allowed_ips(const struct streams *streams, const char *prefix,
											   const char *text, struct view_peer_request *request);
/* "vpn.example.org:51820"; whether the name is one is the daemon's to say. */
[[nodiscard]] int peer_request_set_endpoint(const struct streams *streams, const char *prefix,
											const char *text, struct view_peer_request *request);
/* Of its streams; what a rule is, is the daemon's to say. */
[[nodiscard]] int peer_request_set_rules(const struct streams *streams, const char *prefix,
										 char *const *rules, size_t count,
										 struct view_peer_request *request);
/* Seconds. */
[[nodiscard]] int peer_request_set_keepalive(const struct streams *streams, const char *prefix,
											 const char *text, struct view_peer_request *request);

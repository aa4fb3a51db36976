#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "ctl/view.h"

/*
 * The tool's side of the control API: one blocking question a call, over the daemon's socket. On
 * failure *out_error holds what to say: the daemon's own answer, or, with status 0, what kept it
 * from being asked ("umbrad is not running: there is no /run/umbra/control.sock"). The daemon's
 * answers are ERR_NOT_FOUND (404), ERR_EXISTS (409), ERR_INVALID (400, 422), ERR_PERMISSION (403),
 * ERR_AGAIN (503), ERR_IO otherwise. Without an answer: ERR_NOT_FOUND (no socket), ERR_CLOSED
 * (nobody there, or gone meanwhile), ERR_PERMISSION, ERR_AGAIN (no answer in time), ERR_MALFORMED
 * (no answer of ours).
 */

struct ctl_client;

enum {
	CTL_CLIENT_TIMEOUT_SECONDS = 30,
	CTL_CLIENT_ANSWER_MAX = 64 << 20, /* bytes */
};

/* Opens nothing yet: the first question does. ERR_NO_MEMORY. */
enum err ctl_client_new(const char *socket, struct ctl_client **out_client);
void ctl_client_free(struct ctl_client *client);

/* method "GET", "POST", "PUT", "DELETE"; body may be NULL. *out_text is the caller's (free). */
enum err ctl_client_ask(struct ctl_client *client, const char *method, const char *path,
						const char *body, size_t body_size, char **out_text, size_t *out_size,
						struct view_error *out_error);

/* Those of view.h by that. */
enum err ctl_client_status(struct ctl_client *client, size_t peers, struct view_status *out_status,
						   struct view_error *out_error);
enum err ctl_client_tunnel(struct ctl_client *client, const char *tunnel,
						   struct view_tunnel *out_tunnel, struct view_error *out_error);
enum err ctl_client_peers(struct ctl_client *client, const char *tunnel,
						  struct view_peer **out_peers, size_t *out_count,
						  struct view_error *out_error);
enum err ctl_client_peer(struct ctl_client *client, const char *tunnel, const char *peer,
						 struct view_peer *out_peer, struct view_error *out_error);
enum err ctl_client_add_peer(struct ctl_client *client, const char *tunnel,
							 const struct view_peer_request *request, struct view_peer *out_peer,
							 struct view_error *out_error);
enum err ctl_client_remove_peer(struct ctl_client *client, const char *tunnel, const char *peer,
								struct view_error *out_error);
/* POST or PUT whose answer is a message: up, down, reload, log. *out_message is the caller's. */
enum err ctl_client_do(struct ctl_client *client, const char *method, const char *path,
					   const char *body, char **out_message, struct view_error *out_error);

/*
 * Calls take() for each event behind that number, UINT64_MAX: only for new ones, with its JSON as
 * text. Until it returns false or a signal comes (ERR_OK), or the daemon ends (ERR_CLOSED).
 */
enum err ctl_client_events(struct ctl_client *client, uint64_t after,
						   bool (*take)(void *context, const struct view_event *event,
										const char *text, size_t size),
						   void *context, struct view_error *out_error);

#include "ctl/client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/wipe.h"
#include "ctl/client_link.h"
#include "ctl/percent.h"

enum {
	PATH_SIZE = 1600,   /* what the link can send */
	ENCODED_SIZE = 768, /* of a tunnel's or peer's name or key: 255 bytes, three times */
};

struct ctl_client {
	struct client_link *link;
};

enum err ctl_client_new(const char *socket, struct ctl_client **out_client) {
	struct ctl_client *client = calloc(1, sizeof *client);
	if (!client)
		return ERR_NO_MEMORY;
	enum err error = client_link_new(socket, &client->link);
	if (error) {
		free(client);
		return error;
	}
	*out_client = client;
	return ERR_OK;
}

void ctl_client_free(struct ctl_client *client) {
	if (!client)
		return;
	client_link_free(client->link);
	free(client);
}

static enum err from_status(unsigned status) {
	switch (status) {
	case 400:
	case 422:
		return ERR_INVALID;
	case 403:
		return ERR_PERMISSION;
	case 404:
		return ERR_NOT_FOUND;
	case 409:
		return ERR_EXISTS;
	case 413:
	case 431:
		return ERR_LIMIT;
	case 503:
		return ERR_AGAIN;
	default:
		return ERR_IO;
	}
}

/* The daemon's own words, or some in their place. */
static enum err refused(const struct client_answer *answer, struct view_error *out_error) {
	enum err error = from_status(answer->status);
	struct view_error view;
	if (view_error_decode(answer->text, answer->size, &view))
		(void)client_link_fail(error, &view, "umbrad answers with status %u", answer->status);
	view.status = answer->status;
	*out_error = view;
	return error;
}

enum err ctl_client_ask(struct ctl_client *client, const char *method, const char *path,
						const char *body, size_t body_size, char **out_text, size_t *out_size,
						struct view_error *out_error) {
	const struct client_question question = {method, path, body, body_size};
	struct client_answer answer;
	enum err error = client_link_ask(client->link, &question, &answer, out_error);
	if (error)
		return error;
	auto_free char *text = answer.text;
	if (answer.status >= 300)
		return refused(&answer, out_error);
	*out_text = cleanup_steal(text);
	*out_size = answer.size;
	return ERR_OK;
}

static enum err misunderstood(enum err error, struct view_error *out_error) {
	return client_link_fail(error, out_error,
							"umbrad's answer is not understood: %s; is it of another version?",
							err_text(error));
}

/* "/v1/tunnels/T", with the rest and a peer behind it unless they are NULL. */
static enum err tunnel_path(const char *tunnel, const char *rest, const char *peer,
							char out_path[static PATH_SIZE], struct view_error *out_error) {
	char tunnel_text[ENCODED_SIZE], peer_text[ENCODED_SIZE] = "";
	enum err error = percent_encode(tunnel, tunnel_text, sizeof tunnel_text);
	if (!error && peer)
		error = percent_encode(peer, peer_text, sizeof peer_text);
	if (!error && (!*tunnel || (peer && !*peer)))
		error = ERR_INVALID;
	if (error)
		return client_link_fail(error, out_error, "%s is no name or key",
								peer && *tunnel ? peer : tunnel);
	(void)snprintf(out_path, PATH_SIZE, "/v1/tunnels/%s%s%s%s", tunnel_text, rest ? rest : "",
				   peer ? "/" : "", peer_text);
	return ERR_OK;
}

static enum err get(struct ctl_client *client, const char *path, char **out_text, size_t *out_size,
					struct view_error *out_error) {
	return ctl_client_ask(client, "GET", path, NULL, 0, out_text, out_size, out_error);
}

enum err ctl_client_status(struct ctl_client *client, size_t peers, struct view_status *out_status,
						   struct view_error *out_error) {
	char path[PATH_SIZE];
	(void)snprintf(path, sizeof path, "/v1/status?peers=%zu", peers);
	auto_free char *text = NULL;
	size_t size;
	enum err error = get(client, path, &text, &size, out_error);
	if (error)
		return error;
	error = view_status_decode(text, size, out_status);
	return error ? misunderstood(error, out_error) : ERR_OK;
}

/* What the API has of a tunnel, or of a peer. */
static enum err get_of(struct ctl_client *client, const char *tunnel, const char *part,
					   const char *peer, char **out_text, size_t *out_size,
					   struct view_error *out_error) {
	char path[PATH_SIZE];
	enum err error = tunnel_path(tunnel, part, peer, path, out_error);
	return error ? error : get(client, path, out_text, out_size, out_error);
}

enum err ctl_client_tunnel(struct ctl_client *client, const char *tunnel,
						   struct view_tunnel *out_tunnel, struct view_error *out_error) {
	auto_free char *text = NULL;
	size_t size;
	enum err error = get_of(client, tunnel, NULL, NULL, &text, &size, out_error);
	if (error)
		return error;
	error = view_tunnel_decode(text, size, out_tunnel);
	return error ? misunderstood(error, out_error) : ERR_OK;
}

enum err ctl_client_peers(struct ctl_client *client, const char *tunnel,
						  struct view_peer **out_peers, size_t *out_count,
						  struct view_error *out_error) {
	auto_free char *text = NULL;
	size_t size;
	enum err error = get_of(client, tunnel, "/peers", NULL, &text, &size, out_error);
	if (error)
		return error;
	error = view_peers_decode(text, size, out_peers, out_count);
	return error ? misunderstood(error, out_error) : ERR_OK;
}

enum err ctl_client_peer(struct ctl_client *client, const char *tunnel, const char *peer,
						 struct view_peer *out_peer, struct view_error *out_error) {
	auto_free char *text = NULL;
	size_t size;
	enum err error = get_of(client, tunnel, "/peers", peer, &text, &size, out_error);
	if (error)
		return error;
	error = view_peer_decode(text, size, out_peer);
	return error ? misunderstood(error, out_error) : ERR_OK;
}

enum err ctl_client_add_peer(struct ctl_client *client, const char *tunnel,
							 const struct view_peer_request *request, struct view_peer *out_peer,
							 struct view_error *out_error) {
	char path[PATH_SIZE];
	enum err error = tunnel_path(tunnel, "/peers", NULL, path, out_error);
	if (error)
		return error;
	char *body = NULL;
	size_t body_size = 0;
	error = view_peer_request_encode(request, &body, &body_size);
	if (error)
		return client_link_fail(error, out_error, "%s", err_text(error));
	auto_free char *text = NULL;
	size_t size;
	error = ctl_client_ask(client, "POST", path, body, body_size, &text, &size, out_error);
	wipe(body, body_size);
	free(body);
	if (error)
		return error;
	error = view_peer_decode(text, size, out_peer);
	return error ? misunderstood(error, out_error) : ERR_OK;
}

enum err ctl_client_remove_peer(struct ctl_client *client, const char *tunnel, const char *peer,
								struct view_error *out_error) {
	char path[PATH_SIZE];
	enum err error = tunnel_path(tunnel, "/peers", peer, path, out_error);
	if (error)
		return error;
	auto_free char *text = NULL;
	size_t size;
	return ctl_client_ask(client, "DELETE", path, NULL, 0, &text, &size, out_error);
}

enum err ctl_client_do(struct ctl_client *client, const char *method, const char *path,
					   const char *body, char **out_message, struct view_error *out_error) {
	auto_free char *text = NULL;
	size_t size;
	enum err error = ctl_client_ask(client, method, path, body, body ? strlen(body) : 0, &text,
									&size, out_error);
	if (error)
		return error;
	error = view_message_decode(text, size, out_message);
	return error ? misunderstood(error, out_error) : ERR_OK;
}

struct listener {
	bool (*take)(void *context, const struct view_event *event, const char *text, size_t size);
	void *context;
	enum err error; /* of the line that ended it */
};

/* One line of text/event-stream: each of our frames has one with data. */
static bool take_line(void *context, const char *line, size_t size) {
	static const char prefix[] = "data: ";
	size_t skip = sizeof prefix - 1;
	struct listener *listener = context;
	if (size < skip || memcmp(line, prefix, skip) != 0)
		return true;
	struct view_event event;
	listener->error = view_event_decode(line + skip, size - skip, &event);
	if (listener->error)
		return false;
	bool on = listener->take(listener->context, &event, line + skip, size - skip);
	view_event_done(&event);
	return on;
}

enum err ctl_client_events(struct ctl_client *client, uint64_t after,
						   bool (*take)(void *context, const struct view_event *event,
										const char *text, size_t size),
						   void *context, struct view_error *out_error) {
	char path[PATH_SIZE] = "/v1/events";
	if (after != UINT64_MAX)
		(void)snprintf(path, sizeof path, "/v1/events?after=%llu", (unsigned long long)after);
	struct listener listener = {.take = take, .context = context};
	struct client_answer answer;
	enum err error =
		client_link_listen(client->link, path, take_line, &listener, &answer, out_error);
	if (error)
		return error;
	if (listener.error)
		error = misunderstood(listener.error, out_error);
	else if (answer.status != 200)
		error = refused(&answer, out_error);
	free(answer.text);
	return error;
}

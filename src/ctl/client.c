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
	char *socket;
	struct client_link link;
};

enum err ctl_client_new(const char *socket, struct ctl_client **out_client) {
	struct ctl_client *client = calloc(1, sizeof *client);
	if (!client)
		return ERR_NO_MEMORY;
	client->socket = strdup(socket);
	if (!client->socket) {
		free(client);
		return ERR_NO_MEMORY;
	}
	client_link_init(&client->link, client->socket);
	*out_client = client;
	return ERR_OK;
}

void ctl_client_free(struct ctl_client *client) {
	if (!client)
		return;
	client_link_done(&client->link);
	free(client->socket);
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
static enum err refused(const struct http_response *response, const char *text, size_t size,
						struct view_error *out_error) {
	struct view_error view;
	if (view_error_decode(text, size, &view)) {
		enum err error = from_status(response->status);
		(void)client_link_fail(error, &view, "umbrad answers with status %u", response->status);
	}
	view.status = response->status;
	*out_error = view;
	return from_status(response->status);
}

enum err ctl_client_ask(struct ctl_client *client, const char *method, const char *path,
						const char *body, size_t body_size, char **out_text, size_t *out_size,
						struct view_error *out_error) {
	struct http_response response;
	enum err error =
		client_link_ask(&client->link, method, path, body, body_size, &response, out_error);
	if (error)
		return error;
	auto_free char *text = NULL;
	size_t size;
	error = client_link_body(&client->link, &response, &text, &size, out_error);
	if (error)
		return error;
	if (response.status >= 300)
		return refused(&response, text, size, out_error);
	*out_text = cleanup_steal(text);
	*out_size = size;
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

enum err ctl_client_tunnel(struct ctl_client *client, const char *tunnel,
						   struct view_tunnel *out_tunnel, struct view_error *out_error) {
	char path[PATH_SIZE];
	enum err error = tunnel_path(tunnel, NULL, NULL, path, out_error);
	if (error)
		return error;
	auto_free char *text = NULL;
	size_t size;
	error = get(client, path, &text, &size, out_error);
	if (error)
		return error;
	error = view_tunnel_decode(text, size, out_tunnel);
	return error ? misunderstood(error, out_error) : ERR_OK;
}

enum err ctl_client_peers(struct ctl_client *client, const char *tunnel,
						  struct view_peer **out_peers, size_t *out_count,
						  struct view_error *out_error) {
	char path[PATH_SIZE];
	enum err error = tunnel_path(tunnel, "/peers", NULL, path, out_error);
	if (error)
		return error;
	auto_free char *text = NULL;
	size_t size;
	error = get(client, path, &text, &size, out_error);
	if (error)
		return error;
	error = view_peers_decode(text, size, out_peers, out_count);
	return error ? misunderstood(error, out_error) : ERR_OK;
}

enum err ctl_client_peer(struct ctl_client *client, const char *tunnel, const char *peer,
						 struct view_peer *out_peer, struct view_error *out_error) {
	char path[PATH_SIZE];
	enum err error = tunnel_path(tunnel, "/peers", peer, path, out_error);
	if (error)
		return error;
	auto_free char *text = NULL;
	size_t size;
	error = get(client, path, &text, &size, out_error);
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
};

/* One line of text/event-stream: each of our frames has one with data. *out_on: more are wanted. */
static enum err take_line(const char *line, size_t size, const struct listener *listener,
						  bool *out_on) {
	static const char prefix[] = "data: ";
	size_t skip = sizeof prefix - 1;
	*out_on = true;
	if (size < skip || memcmp(line, prefix, skip) != 0)
		return ERR_OK;
	struct view_event event;
	enum err error = view_event_decode(line + skip, size - skip, &event);
	if (error)
		return error;
	*out_on = listener->take(listener->context, &event, line + skip, size - skip);
	view_event_done(&event);
	return ERR_OK;
}

enum err ctl_client_events(struct ctl_client *client, uint64_t after,
						   bool (*take)(void *context, const struct view_event *event,
										const char *text, size_t size),
						   void *context, struct view_error *out_error) {
	char path[PATH_SIZE] = "/v1/events";
	if (after != UINT64_MAX)
		(void)snprintf(path, sizeof path, "/v1/events?after=%llu", (unsigned long long)after);
	struct http_response response;
	enum err error = client_link_ask(&client->link, "GET", path, NULL, 0, &response, out_error);
	if (error)
		return error;
	if (response.status != 200) {
		auto_free char *text = NULL;
		size_t size;
		error = client_link_body(&client->link, &response, &text, &size, out_error);
		return error ? error : refused(&response, text, size, out_error);
	}
	const struct listener listener = {take, context};
	bool on = true, signalled = false;
	while (on && !error) {
		const char *line;
		size_t size;
		error = client_link_line(&client->link, &line, &size, &signalled, out_error);
		if (error || signalled)
			break;
		error = take_line(line, size, &listener, &on);
		if (error)
			error = misunderstood(error, out_error);
	}
	client_link_done(&client->link); /* the connection knows no other question any more */
	return error;
}

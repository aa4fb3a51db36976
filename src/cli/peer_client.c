#include "cli/peer_client.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "cli/client_file.h"
#include "cli/qr.h"
#include "ctl/view.h"

int peer_client_check(const struct streams *streams, const char *command,
					  const struct view_tunnel *tunnel) {
	if (config_carries_streams(tunnel->protocol)) {
		output_message(streams,
					   "%s: clients of %s take a line in place of a file: 'umbra %s allow'",
					   command, tunnel->name, tunnel->protocol);
		return STATUS_FAILED;
	}
	if (config_shares_keys(tunnel->protocol)) {
		output_message(streams, "%s: clients of %s take a line in place of a file: 'umbra invite'",
					   command, tunnel->name);
		return STATUS_FAILED;
	}
	if (config_logs_in(tunnel->protocol)) {
		output_message(streams, "%s: clients of %s are users who log in: 'umbra user add'", command,
					   tunnel->name);
		return STATUS_FAILED;
	}
	if (tunnel->has_public_key)
		return STATUS_OK;
	output_message(streams,
				   "%s: the public key of %s is known once it is up, and the client's file needs "
				   "it; 'umbra up %s' first",
				   command, tunnel->name, tunnel->name);
	return STATUS_FAILED;
}

int peer_client_open(const struct streams *streams, const char *command,
					 struct peer_client_place *place) {
	place->descriptor = -1;
	if (!place->path)
		return STATUS_OK;
	place->descriptor =
		open(place->path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, S_IRUSR | S_IWUSR);
	if (place->descriptor >= 0)
		return STATUS_OK;
	output_message(streams, "%s: cannot make %s: %s", command, place->path, strerror(errno));
	return STATUS_FAILED;
}

void peer_client_close(struct peer_client_place *place, bool keep) {
	if (place->descriptor < 0)
		return;
	(void)close(place->descriptor);
	place->descriptor = -1;
	if (!keep)
		(void)unlink(place->path);
}

static bool is_whole(const struct prefix *prefix) {
	return prefix->length == 8 * address_size(&prefix->address);
}

/*
 * The client's own addresses are those of its allowed IPs that are one address; networks are what
 * lies behind it. Where there are none of the first kind, all are taken.
 */
static size_t choose_addresses(const struct view_peer *peer, struct prefix *out_addresses) {
	size_t count = 0;
	for (size_t i = 0; i < peer->allowed_ip_count; i++)
		if (is_whole(&peer->allowed_ips[i]))
			out_addresses[count++] = peer->allowed_ips[i];
	if (count > 0)
		return count;
	for (size_t i = 0; i < peer->allowed_ip_count; i++)
		out_addresses[i] = peer->allowed_ips[i];
	return peer->allowed_ip_count;
}

/* What the client sends here: as configured, otherwise the networks of the tunnel's addresses. */
static size_t choose_allowed_ips(const struct view_tunnel *tunnel, struct prefix *out_prefixes) {
	if (tunnel->clients_allowed_ip_count > 0) {
		memcpy(out_prefixes, tunnel->clients_allowed_ips,
			   tunnel->clients_allowed_ip_count * sizeof *out_prefixes);
		return tunnel->clients_allowed_ip_count;
	}
	for (size_t i = 0; i < tunnel->address_count; i++) {
		out_prefixes[i] = tunnel->addresses[i];
		prefix_mask(&out_prefixes[i]);
	}
	return tunnel->address_count;
}

static enum err format(const struct peer_client *client, char **out_text, size_t *out_size) {
	const struct view_tunnel *tunnel = client->tunnel;
	const struct view_peer *peer = client->peer;
	auto_free struct prefix *addresses = calloc(peer->allowed_ip_count + 1, sizeof *addresses);
	size_t most = tunnel->clients_allowed_ip_count + tunnel->address_count;
	auto_free struct prefix *allowed_ips = calloc(most + 1, sizeof *allowed_ips);
	if (!addresses || !allowed_ips)
		return ERR_NO_MEMORY;
	const struct client_file file = {
		.name = tunnel->name,
		.private_key = client->private_key,
		.server_key = tunnel->public_key,
		.preshared_key = client->preshared_key,
		.addresses = {addresses, choose_addresses(peer, addresses)},
		.endpoint = tunnel->clients_endpoint,
		.allowed_ips = {allowed_ips, choose_allowed_ips(tunnel, allowed_ips)},
		.dns = tunnel->clients_dns,
		.dns_count = tunnel->clients_dns_count,
		.persistent_keepalive = tunnel->clients_keepalive,
	};
	return client_file_format(&file, out_text, out_size);
}

static void warn(const struct streams *streams, const char *command,
				 const struct peer_client *client) {
	const struct view_tunnel *tunnel = client->tunnel;
	if (!tunnel->clients_endpoint)
		output_message(streams,
					   "%s: warning: the file has no endpoint; tunnels.%s.clients.endpoint of the "
					   "configuration says where clients reach this tunnel",
					   command, tunnel->name);
	if (client->peer->has_preshared_key && !client->preshared_key)
		output_message(streams,
					   "%s: warning: the pre-shared key is not in the file; the daemon tells it "
					   "nobody",
					   command);
}

static int write_file(const struct streams *streams, const struct peer_client_place *place,
					  const char *text, size_t size) {
	const struct streams file = {streams->input, place->descriptor, streams->error};
	int status = output_data(&file, text, size);
	if (status == STATUS_OK && fsync(place->descriptor) && errno != EINVAL) {
		output_message(streams, "cannot write %s: %s", place->path, strerror(errno));
		status = STATUS_FAILED;
	}
	return status;
}

int peer_client_write(const struct streams *streams, const char *command,
					  const struct peer_client *client, const struct peer_client_place *place) {
	char *text;
	size_t size;
	int status = peer_client_check(streams, command, client->tunnel);
	if (status != STATUS_OK)
		return status;
	(void)signal(SIGPIPE, SIG_IGN);
	enum err error = format(client, &text, &size);
	if (error) {
		output_message(streams, "%s: cannot make the client's file: %s", command, err_text(error));
		return STATUS_FAILED;
	}
	warn(streams, command, client);
	if (place->descriptor >= 0)
		status = write_file(streams, place, text, size);
	if (status == STATUS_OK && place->qr)
		status = qr_print(streams, text, qr_locale_is_utf8());
	if (place->descriptor < 0 && !place->qr) {
		if (client->private_key || client->preshared_key)
			output_warn_if_public(streams);
		status = output_data(streams, text, size);
	}
	client_file_free(text, size);
	return status;
}

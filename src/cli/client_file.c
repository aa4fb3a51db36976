#include "cli/client_file.h"

#include <string.h>

#include "base/wipe.h"
#include "conf/wg_quick.h"
#include "conf/wg_quick_value.h"

/* The file is a tunnel with one peer. */
struct scratch {
	struct config_tunnel tunnel;
	struct config_peer server;
	char host[CONFIG_HOST_MAX + 1];
};

static enum err set_endpoint(struct scratch *s, const char *endpoint) {
	struct wg_quick_span host, text = {endpoint, strlen(endpoint)};
	enum err error = wg_quick_value_host(text, &host, &s->server.endpoint.port);
	if (error)
		return error;
	memcpy(s->host, host.data, host.size);
	s->host[host.size] = '\0';
	s->server.endpoint.name = s->host;
	return ERR_OK;
}

enum err client_file_format(const struct client_file *file, char **out_text, size_t *out_size) {
	struct scratch s = {0};
	WIPE_ON_EXIT(s);
	s.tunnel.mtu.automatic = s.tunnel.fwmark.automatic = true;
	s.tunnel.routes.from_peers = s.tunnel.routes.table.automatic = true;
	s.tunnel.addresses = file->addresses;
	s.tunnel.dns.servers = file->dns;
	s.tunnel.dns.server_count = file->dns_count;
	s.tunnel.peers = &s.server;
	s.tunnel.peer_count = 1;
	s.server.name = file->name;
	s.server.umbra = true;
	s.server.allowed_ips = file->allowed_ips;
	s.server.persistent_keepalive = file->persistent_keepalive;
	memcpy(s.server.public_key, file->server_key, TEXT_KEY_SIZE);
	if (file->private_key)
		memcpy(s.tunnel.private_key, file->private_key, TEXT_KEY_SIZE);
	if (file->preshared_key)
		memcpy(s.server.preshared_key, file->preshared_key, TEXT_KEY_SIZE);
	if (file->endpoint) {
		enum err error = set_endpoint(&s, file->endpoint);
		if (error)
			return error;
		/* At the client the server is best known by where it is. */
		bool is_label = strlen(s.host) <= CONFIG_LABEL_MAX && !strchr(s.host, ':');
		if (file->name)
			s.server.name = is_label ? s.host : "server";
	}
	return wg_quick_format(&s.tunnel, out_text, out_size);
}

void client_file_free(char *text, size_t size) {
	wg_quick_text_free(text, size);
}

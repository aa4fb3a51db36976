#include "conf/login.h"

#include <string.h>

#include "conf/arena.h"
#include "conf/schema_shared.h"
#include "crypto/member.h"

_Static_assert((int)HASH_SIZE == (int)TEXT_KEY_SIZE);

const char *login_server_name(const struct config_tunnel *tunnel,
							  char out_name[static VALUE_NAME_SIZE]) {
	const struct config_hosts *endpoints = &tunnel->shared.endpoints;
	if (endpoints->count == 0)
		return "is not there";
	return value_parse_server_name(endpoints->items[0].name, out_name);
}

bool config_goes_over(const struct config_tunnel *tunnel, enum config_transport transport) {
	const struct config_login *login = &tunnel->login;
	const enum config_carriage only = transport == CONFIG_TCP ? CONFIG_OVER_TCP : CONFIG_OVER_UDP;
	const char *word = transport == CONFIG_TCP ? "tcp" : "udp";
	if (tunnel->role == CONFIG_CLIENT)
		return login->transport == only || login->transport == CONFIG_OVER_EITHER;
	bool found = login->transports.count == 0; /* absent, and not completed yet */
	for (size_t i = 0; i < login->transports.count; i++)
		found |= strcmp(login->transports.items[i], word) == 0;
	return found;
}

static enum err complete_client(struct arena *memory, struct config_tunnel *tunnel) {
	char name[VALUE_NAME_SIZE];
	if (!tunnel->login.server_name) {
		/* What has no name was told of. */
		if (login_server_name(tunnel, name))
			return ERR_OK;
		tunnel->login.server_name = arena_text(memory, name, strlen(name));
	}
	if (!tunnel->login.server_name)
		return ERR_NO_MEMORY;
	return member_server_identity(tunnel->login.server_name, tunnel->shared.identity)
			   ? ERR_NO_MEMORY
			   : ERR_OK;
}

enum err login_complete(struct arena *memory, struct config_tunnel *tunnel) {
	if (tunnel->login.demands.count == 0)
		tunnel->login.demands = (struct config_texts){schema_demands, 1};
	if (tunnel->login.transports.count == 0)
		tunnel->login.transports = (struct config_texts){schema_transports, CONFIG_TRANSPORTS_MAX};
	if (tunnel->role_absent || tunnel->role == CONFIG_SERVER)
		return ERR_OK;
	return complete_client(memory, tunnel);
}

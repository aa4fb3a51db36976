#include "daemon/node_tickets.h"

#include <string.h>

#include "base/log.h"
#include "base/wipe.h"
#include "conf/config.h"
#include "daemon/node_secret.h"

_Static_assert((int)NODE_SECRET_SIZE == (int)TEXT_KEY_SIZE);

void node_tickets_take(struct config *config, const char *state_dir) {
	struct {
		uint8_t key[NODE_SECRET_SIZE];
	} s;
	bool taken = false;
	for (size_t i = 0; i < config->tunnel_count; i++) {
		struct config_login *login = &config->tunnels[i].login;
		if (!config->tunnels[i].logs_in || login->ticket_key_file)
			continue;
		enum err error = taken ? ERR_OK : node_secret_of(state_dir, "ticket.key", s.key);
		if (error)
			log_warning("the key of tickets could not be kept for the next time: %s",
						err_text(error));
		taken = true;
		memcpy(login->ticket_key, s.key, sizeof s.key);
	}
	if (taken)
		wipe(s.key, sizeof s.key);
}

/* What was taken of what tunnels' servers say of the interface: the privileged process tells. */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "daemon/control_core.h"
#include "daemon/control_credentials.h"
#include "daemon/shared_text.h"
#include "tunnel/plan_pushed.h"
#include "wire/process_settings.h"

static enum err read_settings(const struct channel_message *message,
							  struct interface_settings **out_settings) {
	auto_free char *data = NULL;
	size_t size;
	auto_free struct interface_settings *settings = calloc(1, sizeof *settings);
	if (!settings)
		return ERR_NO_MEMORY;
	enum err error = shared_text_read(message->descriptors[0], &data, &size);
	if (!error)
		error = process_settings_decode((const uint8_t *)data, size, settings);
	if (!error)
		*out_settings = cleanup_steal(settings);
	return error;
}

void control_pushed_forget(struct control_tunnel *tunnel) {
	free(tunnel->pushed);
	tunnel->pushed = NULL;
}

void control_pushed_take(struct control *control, const struct channel_message *message) {
	struct control_tunnel *tunnel = control_tunnel_of_slot(control, message->message.tunnel);
	struct interface_settings *settings = NULL;
	if (!tunnel)
		return;
	enum err error = message->count == 1 ? read_settings(message, &settings) : ERR_OK;
	if (error) {
		log_error("%s: what its server gives: %s", tunnel->name, err_text(error));
		return;
	}
	const struct directory_peer *peer =
		directory_find_key(tunnel->directory, message->message.settings.public_key);
	bool same = tunnel->pushed && settings && interface_settings_equal(tunnel->pushed, settings);
	control_pushed_forget(tunnel);
	tunnel->pushed = settings;
	/* The name servers that this host asks may be the tunnel's now. */
	control_names_refresh(control);
	control_credentials_settle(tunnel);
	if (same || !settings)
		return;
	char text[PLAN_PUSHED_TEXT_SIZE];
	plan_pushed_format(settings, text);
	control_api_publish(control, "tunnel.settings", tunnel->name, peer ? peer->name : NULL,
						"%s gives %s %s", peer ? peer->name : "the server", tunnel->name, text);
}

/* The tunnels of the configuration, and what became of them. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "daemon/control_core.h"
#include "daemon/control_credentials.h"
#include "daemon/control_decoy.h"
#include "daemon/control_logins.h"

struct control_tunnel *control_tunnel_find(struct control *control, const char *name) {
	for (size_t i = 0; i < CONFIG_TUNNELS_MAX; i++)
		if (control->tunnels[i].config && strcmp(control->tunnels[i].name, name) == 0)
			return &control->tunnels[i];
	return NULL;
}

struct control_tunnel *control_tunnel_of_slot(struct control *control, uint16_t slot) {
	for (size_t i = 0; i < CONFIG_TUNNELS_MAX; i++)
		if (control_tunnel_is_up(&control->tunnels[i]) && control->tunnels[i].slot == slot)
			return &control->tunnels[i];
	return NULL;
}

bool control_tunnel_is_up(const struct control_tunnel *tunnel) {
	return tunnel->config && tunnel->state == PROCESS_STATE_UP;
}

/* The device has gone: nothing that was known of it holds. */
static void ended(struct control_tunnel *tunnel) {
	tunnel->asking = false;
	tunnel->synced = false;
	control_names_forget(tunnel);
	directory_forget(tunnel->directory);
	control_net_drop(tunnel);
	control_credentials_drop(tunnel);
	control_decoy_forget(tunnel);
	control_pushed_forget(tunnel);
	control_status_refreshed(tunnel);
	/* The privileged process keeps the routes of peers, for when it comes up again. */
}

static void began(struct control_tunnel *tunnel) {
	tunnel->run++;
	control_names_put_all(tunnel);
	(void)control_net_refresh(tunnel);
}

static void publish(const struct control_tunnel *tunnel) {
	static const char *const kinds[] = {
		[PROCESS_STATE_DOWN] = "tunnel.down",
		[PROCESS_STATE_UP] = "tunnel.up",
		[PROCESS_STATE_FAILED] = "tunnel.failed",
	};
	const char *kind = kinds[tunnel->state];
	const char *what = tunnel->state == PROCESS_STATE_UP ? "up" : "down";
	control_api_publish(tunnel->control, kind, tunnel->name, NULL, "%s %s%s%s", tunnel->name,
						tunnel->state == PROCESS_STATE_FAILED ? "has failed" : "is",
						tunnel->state == PROCESS_STATE_FAILED ? ": " : " ",
						tunnel->state == PROCESS_STATE_FAILED ? tunnel->reason : what);
}

void control_tunnels_state(struct control *control, const struct process_message *message) {
	struct control_tunnel *tunnel = control_tunnel_find(control, message->state.name);
	/* A tunnel that a reload has just made: it is down until the configuration comes. */
	if (!tunnel)
		return;
	bool was_up = control_tunnel_is_up(tunnel);
	enum process_state before = tunnel->state, state = (enum process_state)message->state.state;
	bool moved = was_up && tunnel->slot != message->tunnel;
	if (was_up && (state != PROCESS_STATE_UP || moved)) {
		tunnel->state = PROCESS_STATE_DOWN;
		ended(tunnel);
	}
	tunnel->state = state;
	tunnel->slot = message->tunnel;
	tunnel->blocks = message->state.kill_switch;
	tunnel->restored = message->state.restored;
	memcpy(tunnel->reason, message->state.text, sizeof tunnel->reason);
	tunnel->reason[sizeof tunnel->reason - 1] = '\0';
	if (control_tunnel_is_up(tunnel) && (!was_up || moved))
		began(tunnel);
	/* Sockets are marked by what is up. */
	if (was_up != control_tunnel_is_up(tunnel))
		control_names_refresh(control);
	if (state != before && state != PROCESS_STATE_STARTING)
		publish(tunnel);
	control_condition_look(tunnel);
}

/* A reload: */

static void tunnel_free(struct control_tunnel *tunnel) {
	if (control_tunnel_is_up(tunnel)) {
		tunnel->state = PROCESS_STATE_DOWN;
		ended(tunnel);
	}
	directory_free(tunnel->directory);
	free(tunnel->routes);
	/* Answers that are under way compare the run. */
	*tunnel = (struct control_tunnel){.run = tunnel->run + 1};
}

static void change(struct control_tunnel *tunnel, const struct config_tunnel *config,
				   struct directory *after) {
	struct directory *before = tunnel->directory;
	directory_inherit(after, before);
	tunnel->config = config;
	tunnel->directory = after;
	if (control_tunnel_is_up(tunnel)) {
		control_peers_change(tunnel, before);
		control_names_change(tunnel, before);
		control_routes_send(tunnel);
	}
	directory_free(before);
}

static bool is_down_in_store(const struct control *control, const char *name) {
	bool down = false;
	if (!control->store)
		return false;
	enum err error = store_get_down(control->store, name, &down);
	if (error)
		log_error("whether %s is to be down: %s", name, err_text(error));
	return down;
}

static struct control_tunnel *make(struct control *control, const struct config_tunnel *config,
								   struct directory *directory) {
	for (size_t i = 0; i < CONFIG_TUNNELS_MAX; i++) {
		struct control_tunnel *tunnel = &control->tunnels[i];
		if (tunnel->config)
			continue;
		*tunnel = (struct control_tunnel){
			.control = control,
			.config = config,
			.directory = directory,
			.run = tunnel->run,
			.held = is_down_in_store(control, config->name),
		};
		memcpy(tunnel->name, config->name, sizeof tunnel->name);
		return tunnel;
	}
	return NULL;
}

/* All or nothing, as far as memory goes. */
static enum err load_all(struct control *control, const struct config *config,
						 struct directory **out_directories) {
	enum err error = ERR_OK;
	size_t made = 0;
	for (; made < config->tunnel_count && !error; made++)
		error = control_peers_load(control, &config->tunnels[made], &out_directories[made]);
	for (size_t i = 0; error && i + 1 < made; i++)
		directory_free(out_directories[i]);
	return error;
}

static void bring_up(struct control *control) {
	for (size_t i = 0; i < CONFIG_TUNNELS_MAX; i++) {
		struct control_tunnel *tunnel = &control->tunnels[i];
		bool idle = tunnel->state == PROCESS_STATE_DOWN || tunnel->state == PROCESS_STATE_FAILED;
		if (tunnel->config && tunnel->config->autostart && !tunnel->held && idle)
			control_orders_up(tunnel, NULL);
	}
}

void control_tunnels_configure(struct control *control, struct config *config) {
	struct directory *directories[CONFIG_TUNNELS_MAX] = {NULL};
	enum err error = config->tunnel_count > CONFIG_TUNNELS_MAX
						 ? ERR_LIMIT
						 : load_all(control, config, directories);
	if (error) {
		log_error("peers of the configuration: %s", err_text(error));
		config_free(config);
		return;
	}
	struct config *before = control->config;
	control_logins_flush(control);
	control->config = config;
	for (size_t i = 0; i < CONFIG_TUNNELS_MAX; i++)
		if (control->tunnels[i].config && !config_find(config, control->tunnels[i].name))
			tunnel_free(&control->tunnels[i]);
	for (size_t i = 0; i < config->tunnel_count; i++) {
		struct control_tunnel *tunnel = control_tunnel_find(control, config->tunnels[i].name);
		if (tunnel)
			change(tunnel, &config->tunnels[i], directories[i]);
		else
			(void)make(control, &config->tunnels[i], directories[i]);
	}
	config_free(before);
	control_names_configure(control);
	bring_up(control);
}

void control_tunnels_done(struct control *control) {
	for (size_t i = 0; i < CONFIG_TUNNELS_MAX; i++)
		if (control->tunnels[i].config)
			tunnel_free(&control->tunnels[i]);
	config_free(control->config);
	control->config = NULL;
}

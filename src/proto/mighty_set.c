/* A set operation: the part of mighty_control.h that reads lines, and carries all out or nothing.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/wipe.h"
#include "proto/device_lines.h"
#include "proto/device_terms.h"
#include "proto/mighty_control.h"
#include "proto/mighty_draft.h"

struct operation {
	struct device *device;
	struct mighty_config config; /* what it is to be */
	struct mighty_drafts drafts;
	struct device_sockets_edit sockets;
};

/* What a server tells is nothing that a client has, and the other way round. */
static int set_role(struct mighty_config *config, const char *text) {
	enum mighty_role role;
	if (strcmp(text, "server") == 0)
		role = MIGHTY_SERVER;
	else if (strcmp(text, "client") == 0)
		role = MIGHTY_CLIENT;
	else
		return EINVAL;
	if (role != config->role)
		memset(&config->tells, 0, sizeof config->tells);
	config->role = role;
	return 0;
}

static int set_terms(struct mighty_config *config, const struct uapi_entry *line) {
	const struct device_terms terms = {
		.rekey_seconds = &config->rekey_seconds,
		.rekey_packets = &config->rekey_packets,
		.keepalive = &config->keepalive,
		.client_to_client = &config->client_to_client,
		.tells = &config->tells,
	};
	return device_terms_take(&terms, line);
}

static int set_interface(struct operation *operation, const struct uapi_entry *line) {
	struct mighty_config *config = &operation->config;
	switch (line->key) {
	case UAPI_ROLE:
		return set_role(config, line->text);
	case UAPI_INSTANCE:
		memcpy(config->instance, line->bytes, sizeof config->instance);
		return 0;
	case UAPI_LISTEN_PORT:
	case UAPI_FWMARK:
		return device_sockets_edit_take(&operation->sockets, line);
	case UAPI_CIPHERS:
		return device_lines_errno(mighty_uapi_parse_ciphers(line->text, config));
	case UAPI_REPLACE_PEERS:
		operation->drafts.replaces = true;
		return 0;
	default:
		return set_terms(config, line);
	}
}

static int read_lines(struct operation *operation, struct slice text) {
	struct uapi_entry entry;
	WIPE_ON_EXIT(entry);
	struct slice line;
	int failed = 0;
	bool in_peer = false;
	while (!failed && uapi_next_line(&text, &line)) {
		if (uapi_parse_line((const char *)line.data, line.size, &entry))
			return EINVAL;
		in_peer |= entry.key == UAPI_PUBLIC_KEY;
		failed = in_peer ? mighty_drafts_take(&operation->drafts, &entry)
						 : set_interface(operation, &entry);
	}
	return failed ? failed : mighty_drafts_end_peer(&operation->drafts);
}

/* A peer is made for its role: to change that, all have to go. */
static int check(struct operation *operation) {
	const struct device *device = operation->device;
	if (operation->config.role != device->config.role && device->peer_count > 0 &&
		!operation->drafts.replaces)
		return EBUSY;
	if (operation->config.role == MIGHTY_CLIENT && device_terms_pushes(&operation->config.tells))
		return EINVAL;
	return mighty_drafts_check(&operation->drafts, &operation->config);
}

static void draw_instance(struct device *device) {
	const struct random_source *random = engine_get_options(device->engine)->random;
	if (device->config.role != MIGHTY_CLIENT ||
		!wipe_is_zero(device->config.instance, sizeof device->config.instance))
		return;
	random_fill(random, device->config.instance, sizeof device->config.instance);
	device->instance_drawn = true;
}

static enum err apply(struct operation *operation) {
	struct device *device = operation->device;
	enum err error = ERR_OK;
	if (operation->drafts.replaces) {
		list_for_each (link, &device->peers)
			mighty_control_remove(device, list_item(link, struct mighty_peer, control.link));
		/* No peer of one role is seen under the other. */
		if (operation->config.role != device->config.role)
			error = mighty_control_commit(device);
	}
	if (error)
		return error;
	device->config = operation->config;
	device->config_changed = true;
	draw_instance(device);
	return mighty_drafts_apply(&operation->drafts);
}

int mighty_set(struct device *device, struct slice text) {
	struct operation *operation = calloc(1, sizeof *operation);
	if (!operation)
		return ENOMEM;
	operation->device = device;
	operation->config = device->config;
	mighty_drafts_init(&operation->drafts, device);
	int failed = read_lines(operation, text);
	if (!failed)
		failed = check(operation);
	/* What the system may refuse comes before the first edit. */
	if (!failed)
		failed = device_sockets_edit_apply(&operation->sockets, &device->sockets);
	if (!failed)
		failed = device_lines_errno(apply(operation));
	mighty_drafts_done(&operation->drafts);
	free(operation);
	enum err error = mighty_control_commit(device);
	return failed ? failed : device_lines_errno(error);
}

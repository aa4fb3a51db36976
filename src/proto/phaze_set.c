/* A set operation: the part of phaze_control.h that reads lines, and carries all out or nothing. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/wipe.h"
#include "proto/device_lines.h"
#include "proto/device_terms.h"
#include "proto/phaze_control.h"
#include "proto/phaze_dial.h"
#include "proto/phaze_draft.h"
#include "proto/phaze_gate.h"
#include "proto/phaze_sessions.h"
#include "proto/phaze_tickets.h"

enum { TEXT_MAX = 16 << 20 }; /* bytes of a PEM text: a list of revoked certificates can be long */

struct operation {
	struct device *device;
	struct phaze_settings settings; /* what they are to be */
	bool sets_text[PHAZE_TEXTS];
	struct uapi_text texts[PHAZE_TEXTS]; /* what those are to be */
	struct phaze_trust *trust;           /* made of both, where one of them changes; NULL: not */
	struct phaze_drafts drafts;
	struct device_sockets_edit sockets;
	bool sets_interface;
};

static struct slice slice_of_pem(const struct uapi_text *text) {
	return slice_of(text->data, text->size);
}

enum err phaze_set_trust(const struct device *device, const struct phaze_settings *settings,
						 const struct uapi_text texts[static PHAZE_TEXTS],
						 struct phaze_trust **out_trust) {
	struct phaze_trust_options options = {
		.is_client = settings->role == PHAZE_CLIENT,
		.authorities = slice_of_pem(&texts[PHAZE_AUTHORITIES]),
		.revoked = slice_of_pem(&texts[PHAZE_REVOKED]),
		.certificates = slice_of_pem(&texts[PHAZE_CERTIFICATES]),
		.clock = engine_get_options(device->engine)->clock,
	};
	WIPE_ON_EXIT(options);
	memcpy(options.signing_key, settings->signing_key, sizeof options.signing_key);
	memcpy(options.pin, settings->pin, sizeof options.pin);
	memcpy(options.server_name, settings->server_name, sizeof options.server_name);
	return phaze_trust_new(&options, out_trust);
}

/* What a server tells is nothing that a client has, and the other way round. */
static int set_role(struct phaze_settings *settings, const char *text) {
	enum phaze_role role;
	if (strcmp(text, "server") == 0)
		role = PHAZE_SERVER;
	else if (strcmp(text, "client") == 0)
		role = PHAZE_CLIENT;
	else
		return EINVAL;
	if (role != settings->role)
		memset(&settings->tells, 0, sizeof settings->tells);
	settings->role = role;
	return 0;
}

static int set_server_name(struct phaze_settings *settings, const char *text) {
	const size_t size = strlen(text);
	if (size > PHAZE_SERVER_NAME_MAX)
		return EINVAL;
	memset(settings->server_name, 0, sizeof settings->server_name);
	memcpy(settings->server_name, text, size);
	return 0;
}

static int replace_text(struct operation *operation, enum phaze_text which) {
	uapi_text_done(&operation->texts[which]);
	operation->sets_text[which] = true;
	return 0;
}

/* Behind what is there, where nothing said that it is to be replaced. */
static int add_text(struct operation *operation, enum phaze_text which, const char *line) {
	struct uapi_text *text = &operation->texts[which];
	if (!operation->sets_text[which])
		uapi_put_lines(text, slice_of_pem(&operation->device->texts[which]));
	operation->sets_text[which] = true;
	if (text->size + strlen(line) >= TEXT_MAX)
		return ENOSPC;
	uapi_put_line(text, line);
	return text->error ? ENOMEM : 0;
}

static int set_terms(struct phaze_settings *settings, const struct uapi_entry *line) {
	const struct device_terms terms = {
		.rekey_seconds = &settings->rekey_seconds,
		.rekey_packets = &settings->rekey_packets,
		.keepalive = &settings->keepalive,
		.client_to_client = &settings->client_to_client,
		.tells = &settings->tells,
	};
	return device_terms_take(&terms, line);
}

static int set_identity(struct operation *operation, const struct uapi_entry *line) {
	struct phaze_settings *settings = &operation->settings;
	switch (line->key) {
	case UAPI_REPLACE_AUTHORITIES:
		return replace_text(operation, PHAZE_AUTHORITIES);
	case UAPI_AUTHORITY:
		return add_text(operation, PHAZE_AUTHORITIES, line->text);
	case UAPI_REPLACE_REVOKED:
		return replace_text(operation, PHAZE_REVOKED);
	case UAPI_REVOKED:
		return add_text(operation, PHAZE_REVOKED, line->text);
	case UAPI_REPLACE_CERTIFICATES:
		return replace_text(operation, PHAZE_CERTIFICATES);
	case UAPI_CERTIFICATE:
		return add_text(operation, PHAZE_CERTIFICATES, line->text);
	case UAPI_SIGNING_KEY:
		memcpy(settings->signing_key, line->bytes, sizeof settings->signing_key);
		return 0;
	case UAPI_PIN:
		memcpy(settings->pin, line->bytes, sizeof settings->pin);
		return 0;
	case UAPI_SERVER_NAME:
		return set_server_name(settings, line->text);
	case UAPI_DEMANDS:
		return device_lines_errno(phaze_uapi_parse_demands(line->text, settings));
	case UAPI_TRANSPORT:
		return device_lines_errno(phaze_uapi_parse_transport(line->text, settings));
	case UAPI_TICKET_KEY:
		memcpy(settings->ticket_key, line->bytes, sizeof settings->ticket_key);
		return 0;
	case UAPI_TICKET_SECONDS:
		settings->ticket_seconds = line->number;
		return line->number <= PHAZE_PASS_AGE_MAX ? 0 : EINVAL;
	default:
		return set_terms(settings, line);
	}
}

static int set_interface(struct operation *operation, const struct uapi_entry *line) {
	struct phaze_settings *settings = &operation->settings;
	switch (line->key) {
	case UAPI_ROLE:
		return set_role(settings, line->text);
	case UAPI_LISTEN_PORT:
	case UAPI_FWMARK:
		return device_sockets_edit_take(&operation->sockets, line);
	case UAPI_CIPHERS:
		return device_lines_errno(phaze_uapi_parse_ciphers(line->text, settings));
	case UAPI_REPLACE_PEERS:
		operation->drafts.replaces = true;
		return 0;
	default:
		return set_identity(operation, line);
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
		operation->sets_interface |= !in_peer;
		failed = in_peer ? phaze_drafts_take(&operation->drafts, &entry)
						 : set_interface(operation, &entry);
	}
	return failed;
}

static bool is_same_text(const struct uapi_text *left, const struct uapi_text *right) {
	return left->size == right->size &&
		   (left->size == 0 || memcmp(left->data, right->data, left->size) == 0);
}

/* What trust is made of: what is set to what it was is no change. */
static bool changes_trust(struct operation *operation) {
	const struct device *device = operation->device;
	const struct phaze_settings *before = &device->settings, *now = &operation->settings;
	bool changes = before->role != now->role ||
				   memcmp(before->signing_key, now->signing_key, sizeof now->signing_key) != 0 ||
				   memcmp(before->pin, now->pin, sizeof now->pin) != 0 ||
				   strcmp(before->server_name, now->server_name) != 0;
	for (size_t i = 0; i < PHAZE_TEXTS; i++)
		changes |=
			operation->sets_text[i] && !is_same_text(&device->texts[i], &operation->texts[i]);
	return changes;
}

static int make_trust(struct operation *operation) {
	struct uapi_text texts[PHAZE_TEXTS];
	if (!changes_trust(operation))
		return 0;
	for (size_t i = 0; i < PHAZE_TEXTS; i++)
		texts[i] = operation->sets_text[i] ? operation->texts[i] : operation->device->texts[i];
	return device_lines_errno(
		phaze_set_trust(operation->device, &operation->settings, texts, &operation->trust));
}

/* A peer is made for its role: to change that, all have to go. */
static int check(struct operation *operation) {
	const struct device *device = operation->device;
	if (operation->settings.role != device->settings.role && device->member_count > 0 &&
		!operation->drafts.replaces)
		return EBUSY;
	if (operation->settings.role == PHAZE_CLIENT && device_terms_pushes(&operation->settings.tells))
		return EINVAL;
	if (operation->sets_interface && phaze_drafts_is_login(&operation->drafts))
		return EINVAL;
	int failed = phaze_drafts_check(&operation->drafts, &operation->settings);
	return failed ? failed : make_trust(operation);
}

static void apply_trust(struct operation *operation) {
	struct device *device = operation->device;
	for (size_t i = 0; i < PHAZE_TEXTS; i++)
		if (operation->sets_text[i]) {
			uapi_text_done(&device->texts[i]);
			device->texts[i] = operation->texts[i];
			operation->texts[i] = (struct uapi_text){.data = NULL};
		}
	if (!operation->trust)
		return;
	phaze_trust_release(device->trust);
	device->trust = operation->trust;
	operation->trust = NULL;
	phaze_sessions_recheck(device);
	phaze_dial_changed(device);
}

static enum err apply(struct operation *operation) {
	struct device *device = operation->device;
	const bool changes_role = operation->settings.role != device->settings.role;
	const bool changes_key = memcmp(operation->settings.ticket_key, device->settings.ticket_key,
									sizeof device->settings.ticket_key) != 0;
	enum err error = ERR_OK;
	if (operation->drafts.replaces) {
		list_for_each (link, &device->members)
			phaze_control_remove(device, list_item(link, struct phaze_member, link));
		/* No peer of one role is seen under the other. */
		if (changes_role)
			error = phaze_control_commit(device);
	}
	if (error)
		return error;
	if (changes_role) {
		phaze_gate_close(device);
		phaze_dial_stop(device);
	}
	device->config_changed |=
		changes_role || operation->settings.client_to_client != device->settings.client_to_client;
	device->settings = operation->settings;
	if (changes_key)
		phaze_tickets_drop_all(device);
	apply_trust(operation);
	return phaze_drafts_apply(&operation->drafts);
}

static void operation_free(struct operation *operation) {
	phaze_drafts_done(&operation->drafts);
	phaze_trust_release(operation->trust);
	for (size_t i = 0; i < PHAZE_TEXTS; i++)
		uapi_text_done(&operation->texts[i]);
	wipe(operation, sizeof *operation);
	free(operation);
}

int phaze_set(struct device *device, struct slice text, bool *out_is_login) {
	struct operation *operation = calloc(1, sizeof *operation);
	if (!operation)
		return ENOMEM;
	operation->device = device;
	operation->settings = device->settings;
	phaze_drafts_init(&operation->drafts, device);
	int failed = read_lines(operation, text);
	if (!failed)
		failed = check(operation);
	/* What the system may refuse comes before the first edit. */
	if (!failed)
		failed = device_sockets_edit_apply(&operation->sockets, &device->sockets);
	if (!failed)
		failed = device_lines_errno(apply(operation));
	*out_is_login = phaze_drafts_is_login(&operation->drafts);
	operation_free(operation);
	enum err error = phaze_control_commit(device);
	return failed ? failed : device_lines_errno(error);
}

#include "proto/mighty_draft.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/wipe.h"
#include "proto/mighty_command.h"
#include "session/packet_policy.h"

void mighty_drafts_init(struct mighty_drafts *drafts, struct device *device) {
	*drafts = (struct mighty_drafts){.device = device, .current = SIZE_MAX};
	key_table_init(&drafts->by_identity, engine_get_options(device->engine)->random, HASH_SIZE);
}

static void done(struct mighty_draft *draft) {
	mighty_control_free_peer(draft->made);
	packet_policy_free(draft->policy);
	free(draft->rules);
}

void mighty_drafts_done(struct mighty_drafts *drafts) {
	for (size_t i = 0; i < drafts->count; i++) {
		done(drafts->items[i]);
		free(drafts->items[i]);
	}
	free(drafts->items);
	device_draft_edits_done(&drafts->edits);
	key_table_done(&drafts->by_identity);
}

static void add_host(struct mighty_draft *draft, const struct prefix *prefix) {
	if (mighty_control_is_address(prefix) &&
		device_draft_add_prefix(draft->hosts, &draft->host_count, INTERFACE_SETTINGS_ADDRESSES_MAX,
								prefix))
		draft->too_many_hosts = true;
}

static void take_host(struct mighty_draft *draft, const struct prefix *prefix) {
	for (size_t i = 0; i < draft->host_count; i++)
		if (prefix_equal(&draft->hosts[i], prefix)) {
			draft->hosts[i] = draft->hosts[--draft->host_count];
			return;
		}
}

static void forget_addresses(struct mighty_draft *draft) {
	draft->addresses_changed = true;
	draft->address_count = draft->host_count = 0;
	draft->too_many_hosts = false;
}

static void read_present(struct mighty_draft *draft) {
	const struct mighty_peer_control *control = &draft->peer->control;
	draft->endpoint_count = control->endpoint_count;
	memcpy(draft->endpoints, control->endpoints, sizeof draft->endpoints);
	draft->address_count = control->address_count;
	memcpy(draft->addresses, control->addresses, sizeof draft->addresses);
	list_for_each (link, &control->allowed_ips) {
		if (draft->too_many_hosts)
			break;
		add_host(draft, &list_item(link, struct device_prefix, link)->prefix);
	}
}

static bool is_present(const struct mighty_draft *draft) {
	return draft->peer || draft->made;
}

static struct mighty_draft *add_draft(struct mighty_drafts *drafts,
									  const uint8_t identity[static HASH_SIZE]) {
	if (!device_draft_grow((void **)&drafts->items, drafts->count, &drafts->capacity,
						   sizeof *drafts->items))
		return NULL;
	struct mighty_draft *draft = calloc(1, sizeof *draft);
	if (!draft)
		return NULL;
	memcpy(draft->identity, identity, HASH_SIZE);
	if (key_table_add(&drafts->by_identity, draft->identity, draft)) {
		free(draft);
		return NULL;
	}
	draft->peer = drafts->replaces ? NULL : mighty_control_find(drafts->device, identity);
	if (draft->peer)
		read_present(draft);
	draft->place = drafts->count;
	drafts->items[drafts->count++] = draft;
	return draft;
}

static int open_peer(struct mighty_drafts *drafts, const uint8_t identity[static HASH_SIZE]) {
	struct mighty_draft *draft = key_table_find(&drafts->by_identity, identity);
	if (!draft)
		draft = add_draft(drafts, identity);
	if (!draft)
		return ENOMEM;
	drafts->gone = false;
	drafts->current = draft->place;
	drafts->created = !is_present(draft);
	return 0;
}

/* A peer that does not stay takes nobody's allowed IPs. */
static void remove_peer(struct mighty_drafts *drafts, struct mighty_draft *draft) {
	struct mighty_draft cleared = {
		.place = draft->place,
		.drops = draft->drops || draft->peer,
		.removals = draft->removals + 1,
	};
	done(draft);
	memcpy(cleared.identity, draft->identity, HASH_SIZE);
	*draft = cleared;
	drafts->gone = true;
}

/* The key that the identity is of. A peer has it for good: another key is another peer. */
static int set_key(struct mighty_drafts *drafts, struct mighty_draft *draft,
				   const uint8_t secret[static MIGHTY_PSK_SIZE]) {
	struct mighty_psk psk;
	WIPE_ON_EXIT(psk);
	enum err error = mighty_psk_init(&psk, secret);
	if (error)
		return error == ERR_NO_MEMORY ? ENOMEM : EINVAL;
	if (memcmp(psk.identity, draft->identity, HASH_SIZE) != 0)
		return EINVAL;
	if (is_present(draft))
		return 0;
	draft->made = mighty_control_make(drafts->device, &psk);
	return draft->made ? 0 : ENOMEM;
}

/* One that is there already changes nothing. */
static int add_endpoint(struct mighty_draft *draft, const struct endpoint *endpoint) {
	const size_t before = draft->endpoint_count;
	int failed = device_draft_add_endpoint(draft->endpoints, &draft->endpoint_count,
										   MIGHTY_ENDPOINTS_MAX, endpoint);
	draft->endpoints_changed |= draft->endpoint_count != before;
	return failed;
}

static int add_address(struct mighty_draft *draft, const struct prefix *address) {
	const size_t before = draft->address_count;
	int failed = device_draft_add_prefix(draft->addresses, &draft->address_count,
										 INTERFACE_SETTINGS_ADDRESSES_MAX, address);
	draft->addresses_changed |= draft->address_count != before;
	return failed;
}

/* Rules of before are a beginning; by themselves they change nothing. */
static int keep_rules(struct mighty_draft *draft) {
	const struct mighty_peer_control *control = draft->peer ? &draft->peer->control : NULL;
	if (draft->rules_changed || !control || control->rule_count == 0)
		return 0;
	draft->rules = reallocarray(NULL, control->rule_count, sizeof *draft->rules);
	if (!draft->rules)
		return ENOMEM;
	memcpy(draft->rules, control->rules, control->rule_count * sizeof *draft->rules);
	draft->rule_count = draft->rule_capacity = control->rule_count;
	return 0;
}

static int add_rule(struct mighty_draft *draft, const char *text) {
	struct policy_rule rule;
	if (policy_rule_read(text, POLICY_OF_PACKETS, &rule))
		return EINVAL;
	int failed = keep_rules(draft);
	if (failed)
		return failed;
	draft->rules_changed = true;
	if (draft->rule_count == PACKET_POLICY_RULES_MAX)
		return ENOSPC;
	if (!device_draft_grow((void **)&draft->rules, draft->rule_count, &draft->rule_capacity,
						   sizeof *draft->rules))
		return ENOMEM;
	draft->rules[draft->rule_count++] = rule;
	return 0;
}

int mighty_drafts_take(struct mighty_drafts *drafts, const struct uapi_entry *line) {
	if (line->key == UAPI_PUBLIC_KEY)
		return mighty_drafts_end_peer(drafts) ?: open_peer(drafts, line->bytes);
	if (drafts->current == SIZE_MAX)
		return EINVAL;
	struct mighty_draft *draft = drafts->items[drafts->current];
	if (drafts->gone)
		return 0;
	switch (line->key) {
	case UAPI_UPDATE_ONLY:
		if (!drafts->created)
			return 0;
		[[fallthrough]];
	case UAPI_REMOVE:
		remove_peer(drafts, draft);
		return 0;
	case UAPI_PRESHARED_KEY:
		return set_key(drafts, draft, line->bytes);
	case UAPI_REPLACE_ENDPOINTS:
		draft->endpoints_changed = true;
		draft->endpoint_count = 0;
		return 0;
	case UAPI_ENDPOINT:
		return add_endpoint(draft, &line->endpoint);
	case UAPI_REPLACE_ALLOWED_IPS:
		forget_addresses(draft);
		return device_draft_edits_take(&drafts->edits, line, draft->place, draft->removals);
	case UAPI_ALLOWED_IP:
		if (line->subtract)
			take_host(draft, &line->prefix);
		else
			add_host(draft, &line->prefix);
		return device_draft_edits_take(&drafts->edits, line, draft->place, draft->removals);
	case UAPI_ADDRESS:
		return add_address(draft, &line->prefix);
	case UAPI_REPLACE_RULES:
		draft->rules_changed = true;
		draft->rule_count = 0;
		return 0;
	case UAPI_RULE:
		return add_rule(draft, line->text);
	default:
		return EINVAL;
	}
}

int mighty_drafts_end_peer(const struct mighty_drafts *drafts) {
	return drafts->current == SIZE_MAX || drafts->gone || is_present(drafts->items[drafts->current])
			   ? 0
			   : EINVAL;
}

static size_t final_count(const struct mighty_drafts *drafts) {
	size_t count = drafts->replaces ? 0 : drafts->device->peer_count;
	for (size_t i = 0; i < drafts->count; i++) {
		count -= drafts->items[i]->drops;
		count += drafts->items[i]->made != NULL;
	}
	return count;
}

static int check_told(const struct mighty_config *config, const struct prefix *addresses,
					  size_t count) {
	struct parameters told;
	switch (mighty_config_tell(config, addresses, count, &told)) {
	case ERR_OK:
		return 0;
	case ERR_LIMIT:
		return EMSGSIZE;
	default:
		return EINVAL;
	}
}

static int check_rules(struct mighty_draft *draft) {
	if (draft->rule_count == 0)
		return 0;
	switch (packet_policy_new(draft->rules, draft->rule_count, POLICY_ALLOW, &draft->policy)) {
	case ERR_OK:
		return 0;
	case ERR_NO_MEMORY:
		return ENOMEM;
	case ERR_LIMIT:
		return ENOSPC;
	default:
		return EINVAL;
	}
}

static int check_draft(struct mighty_draft *draft, const struct mighty_config *config) {
	if (!is_present(draft))
		return 0;
	if (config->role == MIGHTY_CLIENT)
		return draft->address_count > 0 || draft->rule_count > 0 ? EINVAL : 0;
	int failed = check_rules(draft);
	if (failed)
		return failed;
	if (draft->endpoint_count > 0)
		return EINVAL;
	if (draft->address_count > 0)
		return check_told(config, draft->addresses, draft->address_count);
	return draft->too_many_hosts ? ENOSPC : check_told(config, draft->hosts, draft->host_count);
}

/* Those that the operation does not name, where what all are told has changed. */
static int check_others(const struct mighty_drafts *drafts, const struct mighty_config *config) {
	const struct parameters *before = &drafts->device->config.tells;
	int failed = check_told(config, NULL, 0);
	if (drafts->replaces || memcmp(before, &config->tells, sizeof *before) == 0)
		return failed;
	list_for_each (link, &drafts->device->peers) {
		struct prefix addresses[INTERFACE_SETTINGS_ADDRESSES_MAX];
		const struct mighty_peer *peer = list_item(link, struct mighty_peer, control.link);
		size_t count = mighty_control_addresses(peer, addresses);
		if (failed)
			break;
		if (!key_table_find(&drafts->by_identity, peer->psk.identity))
			failed = check_told(config, addresses, count);
	}
	return failed;
}

int mighty_drafts_check(struct mighty_drafts *drafts, const struct mighty_config *config) {
	size_t most = config->role == MIGHTY_CLIENT ? 1 : MIGHTY_CLIENTS_MAX;
	int failed = 0;
	if (final_count(drafts) > most)
		return ENOSPC;
	if (config->role == MIGHTY_SERVER)
		failed = check_others(drafts, config);
	for (size_t i = 0; i < drafts->count && !failed; i++)
		failed = check_draft(drafts->items[i], config);
	return failed;
}

static enum err apply_draft(struct device *device, struct mighty_draft *draft) {
	struct mighty_peer *present =
		draft->drops ? mighty_control_find(device, draft->identity) : NULL;
	if (present)
		mighty_control_remove(device, present);
	if (draft->made) {
		enum err error = mighty_control_add(device, draft->made);
		if (error)
			return error;
		draft->peer = draft->made;
		draft->made = NULL;
	}
	struct mighty_peer *peer = draft->peer;
	if (!peer)
		return ERR_OK;
	unsigned changes = 0;
	if (draft->endpoints_changed) {
		peer->control.endpoint_count = draft->endpoint_count;
		memcpy(peer->control.endpoints, draft->endpoints, sizeof draft->endpoints);
		changes |= MIGHTY_CHANGE_ENDPOINTS;
	}
	if (draft->addresses_changed) {
		peer->control.address_count = draft->address_count;
		memcpy(peer->control.addresses, draft->addresses, sizeof draft->addresses);
		changes |= MIGHTY_CHANGE_ADDRESSES;
	}
	if (changes)
		mighty_control_change(device, peer, changes);
	if (draft->rules_changed) {
		mighty_control_set_rules(device, peer, draft->rules, draft->rule_count, draft->policy);
		draft->rules = NULL;
		draft->policy = NULL;
	}
	return ERR_OK;
}

static enum err apply_edit(struct device *device, const struct mighty_draft *draft,
						   const struct device_draft_edit *edit) {
	struct mighty_peer *peer = draft->peer;
	if (edit->removals != draft->removals)
		return ERR_OK;
	switch (edit->kind) {
	case DEVICE_DRAFT_PREFIXES_REPLACED:
		mighty_control_disallow_all(device, peer);
		return ERR_OK;
	case DEVICE_DRAFT_PREFIX_ADDED:
		return mighty_control_allow(device, peer, &edit->prefix);
	case DEVICE_DRAFT_PREFIX_TAKEN:
		mighty_control_disallow(device, peer, &edit->prefix);
		return ERR_OK;
	}
	return ERR_INVALID;
}

enum err mighty_drafts_apply(struct mighty_drafts *drafts) {
	enum err error = ERR_OK;
	for (size_t i = 0; i < drafts->count && !error; i++)
		error = apply_draft(drafts->device, drafts->items[i]);
	for (size_t i = 0; i < drafts->edits.count && !error; i++) {
		const struct device_draft_edit *edit = &drafts->edits.items[i];
		error = apply_edit(drafts->device, drafts->items[edit->draft], edit);
	}
	return error;
}

#include "daemon/stream_core.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/wipe.h"
#include "wire/base64url.h"
#include "wire/decoy_link.h"

struct stream_core {
	struct stream_core_start start;
	int listeners[STREAM_LISTENERS_MAX];
	struct stream_peers *peers;
	const struct stream_tunnel_ops *ops; /* of the tunnel; NULL: there are no options yet */
	struct stream_tunnel *tunnel;
	char *options; /* the last that were taken, as lines */
	size_t options_size;
};

enum err stream_core_new(const struct stream_core_start *start, struct stream_core **out_core) {
	if (start->listener_count > STREAM_LISTENERS_MAX)
		return ERR_LIMIT;
	struct stream_core *core = calloc(1, sizeof *core);
	if (!core)
		return ERR_NO_MEMORY;
	enum err error = stream_peers_new(&core->peers);
	if (error) {
		free(core);
		return error;
	}
	core->start = *start;
	memcpy(core->listeners, start->listeners, start->listener_count * sizeof(int));
	core->start.listeners = core->listeners;
	*out_core = core;
	return ERR_OK;
}

static void forget_options(struct stream_core *core) {
	if (core->options)
		wipe(core->options, core->options_size);
	free(core->options);
	core->options = NULL;
}

/* The tunnel has them as soon as there is one. */
static void close_descriptors(const struct stream_core *core) {
	for (size_t i = 0; i < core->start.listener_count; i++)
		(void)close(core->listeners[i]);
	if (core->start.queue >= 0)
		(void)close(core->start.queue);
}

void stream_core_free(struct stream_core *core) {
	if (!core)
		return;
	if (core->tunnel)
		core->ops->free(core->tunnel);
	else
		close_descriptors(core);
	stream_peers_free(core->peers);
	forget_options(core);
	free(core);
}

void stream_core_drain(struct stream_core *core, bool now) {
	if (core->tunnel)
		core->ops->drain(core->tunnel, now);
}

bool stream_core_is_drained(const struct stream_core *core) {
	return !core->tunnel || core->ops->is_drained(core->tunnel);
}

static int errno_of(enum err error) {
	switch (error) {
	case ERR_OK:
		return 0;
	case ERR_NO_MEMORY:
		return ENOMEM;
	case ERR_LIMIT:
		return E2BIG;
	case ERR_INVALID:
	case ERR_MALFORMED:
	case ERR_TRUNCATED:
	case ERR_UNSUPPORTED:
		return EINVAL;
	default:
		return EIO;
	}
}

/* Options: */

static enum err make_tunnel(struct stream_core *core, struct stream_options *options) {
	const struct stream_core_start *own = &core->start;
	const struct stream_tunnel_start start = {
		.host = own->host,
		.protocol = own->protocol,
		.peers = core->peers,
		.listeners = own->listeners,
		.listener_count = own->listener_count,
		.queue = own->queue,
		.header = own->header,
		.tcp = own->tcp,
		.udp = own->udp,
	};
	if (options->listener_count != own->listener_count || (options->interface && own->queue < 0))
		return ERR_INVALID;
	const struct stream_tunnel_ops *ops =
		options->role == STREAM_SERVER ? own->server : own->client;
	enum err error = ops->new (&start, options, &core->tunnel);
	if (!error)
		core->ops = ops;
	return error;
}

/* text: the lines that they were decoded from. */
static enum err take_options(struct stream_core *core, struct stream_options *options,
							 struct slice text) {
	char *copy = malloc(text.size);
	if (!copy)
		return ERR_NO_MEMORY;
	enum err error =
		core->tunnel ? core->ops->set(core->tunnel, options) : make_tunnel(core, options);
	if (error) {
		free(copy);
		return error;
	}
	forget_options(core);
	memcpy(copy, text.data, text.size);
	core->options = copy;
	core->options_size = text.size;
	return ERR_OK;
}

/* What an earlier run has seen: */

static bool begins_with(struct slice line, const char *start) {
	size_t size = strlen(start);
	return line.size >= size && memcmp(line.data, start, size) == 0;
}

static const char seen_key[] = "seen=", admit_line[] = "admit=1";

bool stream_core_is_recollection(struct slice text) {
	return begins_with(text, seen_key) || begins_with(text, admit_line);
}

static enum err recollect(struct stream_core *core, struct slice line) {
	uint8_t entry[DECOY_LINK_ENTRY_SIZE];
	size_t size;
	if (!core->tunnel || !core->ops->seen || !core->ops->admit)
		return ERR_INVALID;
	if (line.size == sizeof admit_line - 1 && begins_with(line, admit_line)) {
		core->ops->admit(core->tunnel);
		return ERR_OK;
	}
	if (!begins_with(line, seen_key))
		return ERR_INVALID;
	const struct slice value =
		slice_of(line.data + sizeof seen_key - 1, line.size - (sizeof seen_key - 1));
	enum err error = base64url_decode(value, entry, sizeof entry, &size);
	return error ? error : core->ops->seen(core->tunnel, slice_of(entry, size));
}

/*
 * What there is no place for must not keep everybody out. Whose places are full is refused until
 * they are not, and what a TLS connection carried can be repeated on no other.
 */
static enum err recollect_all(struct stream_core *core, struct slice text) {
	enum err error = ERR_OK;
	struct slice line;
	size_t without_place = 0;
	while (!error && uapi_next_line(&text, &line)) {
		error = recollect(core, line);
		if (error != ERR_LIMIT)
			continue;
		without_place++;
		error = ERR_OK;
	}
	if (without_place > 0)
		log_error("%shandshakes of before that there is no place for: %zu",
				  core->start.host->prefix, without_place);
	return error;
}

/* A set operation: */

struct setting {
	struct stream_core *core;
	struct stream_options *options; /* NULL: none */
	struct slice text;              /* their lines */
};

static int refused(const struct stream_core *core, enum err error) {
	log_error("%sits options: %s", core->start.host->prefix, err_text(error));
	return errno_of(error);
}

/* The peers' lines are right: the options are what may fail yet. */
static int agreed(void *context) {
	const struct setting *setting = context;
	enum err error =
		setting->options ? take_options(setting->core, setting->options, setting->text) : ERR_OK;
	return error ? refused(setting->core, error) : 0;
}

static void removed(void *context, struct stream_peer *peer) {
	struct stream_core *core = ((struct setting *)context)->core;
	if (core->tunnel)
		core->ops->removed(core->tunnel, peer);
}

static int take(struct setting *setting, struct slice peers) {
	struct stream_core *core = setting->core;
	if (peers.size == 0)
		return agreed(setting);
	int number = stream_peers_set_if(core->peers, peers, agreed, removed, setting);
	if (!number && core->tunnel)
		core->ops->peers(core->tunnel);
	return number;
}

int stream_core_set(struct stream_core *core, struct slice text) {
	struct setting setting = {.core = core};
	struct stream_options options;
	size_t taken;
	if (stream_core_is_recollection(text))
		return errno_of(recollect_all(core, text));
	if (!stream_options_are_there(text))
		return take(&setting, text);
	enum err error = stream_options_decode(text, &options, &taken);
	if (error)
		return refused(core, error);
	setting.options = &options;
	setting.text = slice_of(text.data, taken);
	int number = take(&setting, slice_of(text.data + taken, text.size - taken));
	if (number)
		stream_options_done(&options);
	return number;
}

/* Out: */

void stream_core_status(struct stream_core *core, struct uapi_text *out_text) {
	if (core->tunnel)
		core->ops->status(core->tunnel, out_text);
}

static void save_peer(const struct stream_peer *peer, struct uapi_text *text) {
	char rule[POLICY_RULE_TEXT_MAX + 1];
	uapi_put_key(text, "public_key", peer->public_key);
	uapi_put_text(text, "name", peer->name);
	if (peer->endpoint.address.family != ADDRESS_NONE)
		uapi_put_endpoint(text, "endpoint", &peer->endpoint);
	uapi_put_line(text, "replace_allowed_ips=true");
	for (size_t i = 0; i < peer->allowed_ip_count; i++)
		uapi_put_prefix(text, "allowed_ip", &peer->allowed_ips[i]);
	uapi_put_line(text, "replace_rules=true");
	for (size_t i = 0; i < peer->rule_count; i++) {
		policy_rule_format(&peer->rules[i], rule);
		uapi_put_text(text, "rule", rule);
	}
}

void stream_core_save(struct stream_core *core, struct uapi_text *out_text) {
	if (core->options)
		uapi_put_lines(out_text, slice_of(core->options, core->options_size));
	for (size_t i = 0; i < stream_peers_count(core->peers); i++)
		save_peer(stream_peers_at(core->peers, i), out_text);
}

void stream_core_link(struct stream_core *core) {
	if (core->tunnel)
		core->ops->link(core->tunnel);
}

void stream_core_network(struct stream_core *core) {
	if (core->tunnel)
		core->ops->network(core->tunnel);
}

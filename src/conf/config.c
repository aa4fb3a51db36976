#include "conf/config.h"

#include <stdlib.h>
#include <string.h>

#include "conf/arena.h"
#include "conf/check.h"
#include "conf/files.h"
#include "conf/fill.h"
#include "conf/override.h"
#include "conf/schema.h"
#include "conf/secret.h"
#include "conf/shared.h"
#include "conf/tree.h"

/* In memory of its own, which it lies in itself. */
static struct config *new_config(void) {
	struct arena *memory = calloc(1, sizeof *memory);
	struct config *config = memory ? arena_take(memory, sizeof *config) : NULL;
	if (!config) {
		free(memory);
		return NULL;
	}
	config->memory = memory;
	return config;
}

void config_free(struct config *config) {
	if (!config)
		return;
	struct arena *memory = config->memory;
	arena_done(memory);
	free(memory);
}

/* Adds what is wrong to the errors. */
static enum err load(const struct config_source *source, struct tree *tree, struct config *config,
					 struct config_errors *errors) {
	struct tree_node *root;
	struct arena *memory = config->memory;
	config->path = files_absolute(memory, source->path ? source->path : "configuration");
	if (!config->path)
		return ERR_NO_MEMORY;
	if (!files_read(tree, memory, source, errors, &root))
		return ERR_INVALID;
	override_apply(tree, root, source, errors);
	struct value_reader reader = {
		.memory = memory,
		.errors = errors,
		.prefixes_left = FILL_PREFIXES_MAX,
	};
	fill_config(&reader, root, config);
	if (memory->failed || tree->memory.failed)
		return ERR_NO_MEMORY;
	enum err error = check_config(config, root, errors);
	if (!error)
		error = shared_complete(config);
	if (error)
		return error;
	if (source->flags & CONFIG_SECRETS)
		secret_read_all(config, root, errors);
	return errors->count > 0 || errors->more ? ERR_INVALID : ERR_OK;
}

enum err config_load(const struct config_source *source, struct config **out_config,
					 struct config_errors *out_errors) {
	*out_errors = (struct config_errors){0};
	struct tree tree = {0};
	struct config *config = new_config();
	if (!config)
		return ERR_NO_MEMORY;
	enum err error = load(source, &tree, config, out_errors);
	const struct arena *memory = config->memory;
	if (memory->failed || tree.memory.failed || (error && out_errors->count == 0))
		error = ERR_NO_MEMORY;
	tree_done(&tree);
	if (error)
		config_free(config);
	else
		*out_config = config;
	return error;
}

void config_errors_done(struct config_errors *errors) {
	for (size_t i = 0; i < errors->count; i++)
		free(errors->lines[i]);
	free(errors->lines);
	*errors = (struct config_errors){0};
}

const struct config_tunnel *config_find(const struct config *config, const char *name) {
	for (size_t i = 0; i < config->tunnel_count; i++)
		if (strcmp(config->tunnels[i].name, name) == 0)
			return &config->tunnels[i];
	return NULL;
}

static bool has_default(const struct config_prefixes *prefixes) {
	for (size_t i = 0; i < prefixes->count; i++)
		if (prefixes->items[i].length == 0)
			return true;
	return false;
}

bool config_routes_default(const struct config_tunnel *tunnel) {
	bool found = !tunnel->routes.from_peers && has_default(&tunnel->routes.include);
	for (size_t i = 0; tunnel->routes.from_peers && !found && i < tunnel->peer_count; i++)
		found = has_default(&tunnel->peers[i].allowed_ips);
	return found;
}

const char *config_default_protocol(void) {
	return schema_protocols[0];
}

bool config_carries_streams(const char *protocol) {
	return schema_carries_streams(protocol);
}

bool config_takes_settings(const struct config_tunnel *tunnel) {
	return !tunnel->carries_streams && !tunnel->role_absent && tunnel->role == CONFIG_CLIENT;
}

const char *config_stream_protocol(void) {
	return schema_stream_protocols[0];
}

bool config_shares_keys(const char *protocol) {
	return schema_shares_keys(protocol);
}

bool config_logs_in(const char *protocol) {
	return schema_logs_in(protocol);
}

bool config_has_shared(const struct config_tunnel *tunnel) {
	return tunnel->shares_keys || tunnel->logs_in;
}

const char *config_login_protocol(void) {
	return schema_login_protocols[0];
}

const char *config_shared_protocol(void) {
	return schema_shared_protocols[0];
}

#include "cli/init_whole.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

/* With what is wrong in *out_errors, which is to be given to config_errors_done(). */
static enum err load(const char *directory, struct config **out_config,
					 struct config_errors *out_errors) {
	auto_free char *path = NULL;
	*out_errors = (struct config_errors){0};
	if (asprintf(&path, "%s/umbra.yaml", directory) < 0) {
		path = NULL;
		return ERR_NO_MEMORY;
	}
	const struct config_source source = {.path = path, .flags = CONFIG_SECRETS};
	return config_load(&source, out_config, out_errors);
}

/* With a tunnel, 1, or without it, 0; -1: it cannot be read. */
static int look_for(const char *directory, const char *tunnel) {
	struct config_errors errors;
	struct config *config;
	enum err error = load(directory, &config, &errors);
	config_errors_done(&errors);
	if (error)
		return -1;
	const bool found = config_find(config, tunnel) != NULL;
	config_free(config);
	return found;
}

bool init_whole_has(const char *directory, const char *tunnel) {
	return look_for(directory, tunnel) == 1;
}

bool init_whole_lacks(const char *directory, const char *tunnel) {
	return look_for(directory, tunnel) == 0;
}

bool init_whole_takes_all(const char *directory, const char *but,
						  char out_tunnel[static CONFIG_NAME_SIZE]) {
	struct config_errors errors;
	struct config *config;
	enum err error = load(directory, &config, &errors);
	bool found = false;
	config_errors_done(&errors);
	if (error)
		return false;
	for (size_t i = 0; i < config->tunnel_count && !found; i++) {
		const struct config_tunnel *tunnel = &config->tunnels[i];
		found = tunnel->autostart && tunnel->routes.table.automatic &&
				config_routes_default(tunnel) && strcmp(tunnel->name, but) != 0;
		if (found)
			memcpy(out_tunnel, tunnel->name, CONFIG_NAME_SIZE);
	}
	config_free(config);
	return found;
}

static bool has_port(const struct config_tunnel *tunnel, uint16_t port) {
	bool has = tunnel->proxy.listen.port == port;
	for (size_t i = 0; i < tunnel->forward_count; i++)
		has |= tunnel->forwards[i].listen.port == port;
	return has;
}

uint16_t init_whole_port(const char *directory, const char *but, uint16_t first) {
	struct config_errors errors;
	struct config *config;
	enum err error = load(directory, &config, &errors);
	bool taken = !error;
	config_errors_done(&errors);
	while (taken) {
		taken = false;
		for (size_t i = 0; i < config->tunnel_count && !taken; i++)
			taken =
				strcmp(config->tunnels[i].name, but) != 0 && has_port(&config->tunnels[i], first);
		first += taken;
	}
	if (!error)
		config_free(config);
	return first;
}

static int check(const struct streams *streams, const char *command, const char *directory) {
	struct config_errors errors;
	struct config *config;
	enum err error = load(directory, &config, &errors);
	for (size_t i = 0; i < errors.count; i++)
		output_message(streams, "%s: %s", command, errors.lines[i]);
	if (!error)
		config_free(config);
	else
		output_message(streams, "%s: %s; nothing was made", command,
					   errors.count > 0 ? "the daemon would refuse that" : err_text(error));
	config_errors_done(&errors);
	return error ? STATUS_FAILED : STATUS_OK;
}

int init_whole_place(const struct streams *streams, const char *command, struct init_files *files,
					 bool force) {
	const bool may_be_judged =
		!init_files_exists(files, "umbra.yaml") || look_for(files->directory, "") >= 0;
	int status = init_files_place(streams, command, files, force);
	if (status != STATUS_OK || !may_be_judged)
		return status;
	status = check(streams, command, files->directory);
	if (status != STATUS_OK)
		init_files_take_back(files);
	return status;
}

int init_whole_commit(const struct streams *streams, const char *command, struct init_files *files,
					  bool force) {
	int status = init_whole_place(streams, command, files, force);
	if (status == STATUS_OK)
		init_files_keep(files);
	return status;
}

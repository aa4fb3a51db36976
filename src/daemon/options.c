#include "daemon/options.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

static const char *const aead_names[] = {"auto", "ipsec-mb", "openssl"};

static const struct {
	const char *name;
	enum options_offload offload;
} offload_names[] = {
	{"tun", OPTIONS_TUN},
	{"tun-udp", OPTIONS_TUN_UDP},
	{"udp-send", OPTIONS_UDP_SEND},
	{"udp-receive", OPTIONS_UDP_RECEIVE},
};

enum { OFFLOAD_NAMES = sizeof offload_names / sizeof *offload_names };

const char *options_find_aead(const char *name) {
	for (size_t i = 0; i < sizeof aead_names / sizeof *aead_names; i++)
		if (strcmp(name, aead_names[i]) == 0)
			return aead_names[i];
	return NULL;
}

static unsigned find_offload(const char *name, size_t size) {
	for (size_t i = 0; i < OFFLOAD_NAMES; i++)
		if (strlen(offload_names[i].name) == size && memcmp(offload_names[i].name, name, size) == 0)
			return offload_names[i].offload;
	return 0;
}

enum err options_parse_offloads(const char *text, unsigned *out_offloads) {
	unsigned offloads = 0;
	/* Nothing at all is an empty list, as of a variable that is set to nothing. */
	while (*text) {
		size_t size = strcspn(text, ",");
		unsigned offload = find_offload(text, size);
		bool trailing_comma = text[size] == ',' && text[size + 1] == '\0';
		if (!offload || trailing_comma)
			return ERR_INVALID;
		offloads |= offload;
		text += size + (text[size] == ',');
	}
	*out_offloads = offloads;
	return ERR_OK;
}

void options_format_offloads(unsigned offloads, char out_text[static OPTIONS_LIST_SIZE]) {
	size_t size = 0;
	out_text[0] = '\0';
	for (size_t i = 0; i < OFFLOAD_NAMES; i++) {
		if (!(offloads & offload_names[i].offload))
			continue;
		int written = snprintf(out_text + size, OPTIONS_LIST_SIZE - size, "%s%s",
							   size > 0 ? "," : "", offload_names[i].name);
		size += written > 0 ? (size_t)written : 0;
	}
}

unsigned options_automatic_shards(unsigned processors) {
	unsigned half = processors / 2;
	if (half < 1)
		return 1;
	return half < OPTIONS_SHARDS_AUTO_MAX ? half : OPTIONS_SHARDS_AUTO_MAX;
}

static enum err parse_shards(const char *text, unsigned *out_shards) {
	uint64_t value = 0;
	if (strcmp(text, "auto") != 0 &&
		(text_unsigned_parse(text, strlen(text), TUN_QUEUES_MAX, &value) || value == 0))
		return ERR_INVALID;
	*out_shards = (unsigned)value;
	return ERR_OK;
}

/* Options that take a value; where is what a person typed to get there. */
enum setting { SETTING_SHARDS, SETTING_AEAD, SETTING_NO_OFFLOAD, SETTING_COUNT };

static const struct {
	const char *option, *expected;
} settings[SETTING_COUNT] = {
	[SETTING_SHARDS] = {"--shards", "auto or 1 to 16"},
	[SETTING_AEAD] = {"--aead", "auto, ipsec-mb or openssl"},
	[SETTING_NO_OFFLOAD] = {"--no-offload", "a list of tun, tun-udp, udp-send, udp-receive"},
};

static enum err apply_setting(enum setting setting, const char *where, const char *value,
							  struct options *options, char out_error[static OPTIONS_ERROR_SIZE]) {
	enum err error = ERR_INVALID;
	switch (setting) {
	case SETTING_SHARDS:
		error = parse_shards(value, &options->shards);
		break;
	case SETTING_AEAD:
		if (options_find_aead(value)) {
			options->aead = options_find_aead(value);
			error = ERR_OK;
		}
		break;
	case SETTING_NO_OFFLOAD:
		error = options_parse_offloads(value, &options->no_offload);
		break;
	case SETTING_COUNT:
		break;
	}
	if (error)
		(void)snprintf(out_error, OPTIONS_ERROR_SIZE, "%s: \"%.40s\" is not %s", where, value,
					   settings[setting].expected);
	return error;
}

static enum err apply_environment(const struct options_environment *environment,
								  struct options *options,
								  char out_error[static OPTIONS_ERROR_SIZE]) {
	options->foreground = environment->foreground && strcmp(environment->foreground, "1") == 0;
	options->no_sandbox = environment->no_sandbox && strcmp(environment->no_sandbox, "1") == 0;
	/* A level that is none means the default, as elsewhere with this variable. */
	if (environment->log_level)
		(void)log_level_parse(environment->log_level, &options->log_level);
	const struct {
		enum setting setting;
		const char *where, *value;
	} variables[] = {
		{SETTING_SHARDS, "UMBRA_SHARDS", environment->shards},
		{SETTING_AEAD, "UMBRA_AEAD", environment->aead},
		{SETTING_NO_OFFLOAD, "UMBRA_NO_OFFLOAD", environment->no_offload},
	};
	for (size_t i = 0; i < sizeof variables / sizeof *variables; i++) {
		if (!variables[i].value || !*variables[i].value)
			continue;
		enum err error = apply_setting(variables[i].setting, variables[i].where, variables[i].value,
									   options, out_error);
		if (error)
			return error;
	}
	return ERR_OK;
}

/* "--shards=2" or "--shards" "2", which moves *index on. ERR_NOT_FOUND: no option with a value. */
static enum err apply_long_option(int count, char *const *arguments, int *index,
								  struct options *options,
								  char out_error[static OPTIONS_ERROR_SIZE]) {
	const char *argument = arguments[*index];
	for (unsigned i = 0; i < SETTING_COUNT; i++) {
		const char *option = settings[i].option;
		size_t size = strlen(option);
		if (strncmp(argument, option, size) != 0)
			continue;
		if (argument[size] == '=')
			return apply_setting(i, option, argument + size + 1, options, out_error);
		if (argument[size] != '\0')
			continue;
		if (*index + 1 >= count) {
			(void)snprintf(out_error, OPTIONS_ERROR_SIZE, "%s needs a value: %s", option,
						   settings[i].expected);
			return ERR_INVALID;
		}
		*index += 1;
		return apply_setting(i, option, arguments[*index], options, out_error);
	}
	return ERR_NOT_FOUND;
}

static enum err apply_option(int count, char *const *arguments, int *index, struct options *options,
							 char out_error[static OPTIONS_ERROR_SIZE]) {
	const char *argument = arguments[*index];
	if (strcmp(argument, "-f") == 0 || strcmp(argument, "--foreground") == 0) {
		options->foreground = true;
	} else if (strcmp(argument, "-h") == 0 || strcmp(argument, "--help") == 0) {
		options->action = OPTIONS_HELP;
	} else if (strcmp(argument, "--no-sandbox") == 0) {
		options->no_sandbox = true;
	} else if (strcmp(argument, "--version") == 0) {
		options->action = OPTIONS_VERSION;
	} else {
		enum err error = apply_long_option(count, arguments, index, options, out_error);
		if (error == ERR_NOT_FOUND) {
			(void)snprintf(out_error, OPTIONS_ERROR_SIZE, "unknown option \"%.40s\", see --help",
						   argument);
			error = ERR_INVALID;
		}
		return error;
	}
	return ERR_OK;
}

static enum err take_name(const char *name, struct options *options,
						  char out_error[static OPTIONS_ERROR_SIZE]) {
	if (options->name[0]) {
		(void)snprintf(out_error, OPTIONS_ERROR_SIZE, "one interface name only, see --help");
		return ERR_INVALID;
	}
	if (!tun_name_valid(name)) {
		(void)snprintf(out_error, OPTIONS_ERROR_SIZE,
					   "\"%.40s\" is not an interface name: 1 to 15 printable ASCII characters "
					   "other than blanks, \"/\", \":\" and \"%%\"",
					   name);
		return ERR_INVALID;
	}
	memcpy(options->name, name, strlen(name) + 1);
	return ERR_OK;
}

enum err options_parse(int count, char *const *arguments,
					   const struct options_environment *environment, struct options *out_options,
					   char out_error[static OPTIONS_ERROR_SIZE]) {
	struct options options = {.log_level = LOG_ERROR, .aead = aead_names[0]};
	enum err error = apply_environment(environment, &options, out_error);
	bool only_names = false;
	for (int i = 1; i < count && !error; i++) {
		if (only_names || arguments[i][0] != '-')
			error = take_name(arguments[i], &options, out_error);
		else if (strcmp(arguments[i], "--") == 0)
			only_names = true;
		else
			error = apply_option(count, arguments, &i, &options, out_error);
	}
	if (!error && options.action == OPTIONS_RUN && !options.name[0]) {
		(void)snprintf(out_error, OPTIONS_ERROR_SIZE, "an interface name is needed, see --help");
		error = ERR_INVALID;
	}
	if (!error)
		*out_options = options;
	return error;
}

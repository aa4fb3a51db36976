#include "cli/config.h"

#include "conf/config.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "cli/text_buffer.h"
#include "conf/advice.h"

#define DEFAULT_FILE "/etc/umbra/umbra.yaml"

enum { OVERRIDES_MAX = 256 };

enum { FILE_SHORT, FILE_LONG, SET };

const struct command_option check_options[] = {
	[FILE_SHORT] = {"-c", "FILE", "the configuration; " DEFAULT_FILE " otherwise", false},
	[FILE_LONG] = {"--config", "FILE", "the same", false},
	[SET] = {"--set", "KEY=VALUE", "a value in place of the file's; may stand several times",
			 false},
	{0},
};

const char check_help[] =
	"Reads a configuration as the daemon does, with the key files that it names, and\n"
	"changes nothing. Prints what it has when it is good, and on standard error what may\n"
	"not be meant; otherwise every fault is a line there with file, line and key, and the\n"
	"exit code is 1.\n"
	"\n"
	"  umbra check -c umbra.yaml --set tunnels.um0.mtu=1280\n";

/* The command line as a source; overrides are taken out of the arguments, which may be many. */
struct request {
	struct config_source source;
	struct config_override overrides[OVERRIDES_MAX];
};

/* Cuts "PATH=VALUE" in two. */
static int add_override(const struct streams *streams, const char *name, struct request *request,
						char *text) {
	char *equals = strchr(text, '=');
	if (!equals || equals == text) {
		output_message(streams, "%s: --set needs KEY=VALUE, such as tunnels.um0.mtu=1280", name);
		return STATUS_USAGE;
	}
	*equals = '\0';
	request->overrides[request->source.override_count++] =
		(struct config_override){.path = text, .value = equals + 1};
	return STATUS_OK;
}

static int parse(const struct streams *streams, const char *name, int count, char **arguments,
				 struct request *request) {
	char *values[OVERRIDES_MAX];
	size_t value_count;
	*request = (struct request){0};
	int status = command_take(streams, name, &check_options[SET], &count, arguments, values,
							  OVERRIDES_MAX, &value_count);
	for (size_t i = 0; status == STATUS_OK && i < value_count; i++)
		status = add_override(streams, name, request, values[i]);
	struct command_line line;
	if (status == STATUS_OK)
		status = command_parse(streams, name, check_options, 0, 0, count, arguments, &line);
	if (status != STATUS_OK)
		return status;
	if (line.values[FILE_SHORT] && line.values[FILE_LONG]) {
		output_message(streams, "%s: -c and --config are the same; give one", name);
		return STATUS_USAGE;
	}
	const char *path = line.values[FILE_SHORT] ? line.values[FILE_SHORT] : line.values[FILE_LONG];
	request->source.path = path ? path : DEFAULT_FILE;
	request->source.overrides = request->overrides;
	return STATUS_OK;
}

/* Faults as they are, one a line, so that editors find the place. */
static int load(const struct streams *streams, const char *name, const struct config_source *source,
				struct config **out_config) {
	struct config_errors errors;
	enum err error = config_load(source, out_config, &errors);
	const struct streams faults = {
		.input = streams->input, .output = streams->error, .error = streams->error};
	for (size_t i = 0; i < errors.count; i++) {
		(void)output_text(&faults, errors.lines[i]);
		(void)output_text(&faults, "\n");
	}
	if (errors.more)
		output_message(streams, "%s: there are more faults; these are the first", name);
	if (error && errors.count == 0)
		output_message(streams, "%s: %s: %s", name, source->path, err_text(error));
	config_errors_done(&errors);
	return error ? STATUS_FAILED : STATUS_OK;
}

static void tell_advice(const struct streams *streams, const struct config *config) {
	char texts[ADVICE_MAX][ADVICE_SIZE];
	const int64_t now = (int64_t)(clock_wall_now() / CLOCK_SECOND);
	for (size_t i = 0; i < config->tunnel_count; i++) {
		const size_t count = advice_of(&config->tunnels[i], now, texts);
		for (size_t j = 0; j < count; j++)
			output_message(streams, "check: %s: %s", config->tunnels[i].name, texts[j]);
	}
}

int check_run(const struct streams *streams, int count, char **arguments) {
	struct request request;
	struct config *config;
	int status = parse(streams, "check", count, arguments, &request);
	request.source.flags = CONFIG_SECRETS;
	if (status == STATUS_OK)
		status = load(streams, "check", &request.source, &config);
	if (status != STATUS_OK)
		return status;
	size_t peers = 0, tunnels = config->tunnel_count;
	for (size_t i = 0; i < tunnels; i++)
		peers += config->tunnels[i].peer_count;
	tell_advice(streams, config);
	config_free(config);
	auto_text_buffer struct text_buffer line = {0};
	text_buffer_add(&line, "%s: good: %zu tunnel%s, %zu peer%s\n", request.source.path, tunnels,
					tunnels == 1 ? "" : "s", peers, peers == 1 ? "" : "s");
	return output_buffer(streams, &line);
}

static int fail(const struct streams *streams, const char *name, enum err error) {
	output_message(streams, "%s: %s", name, err_text(error));
	return STATUS_FAILED;
}

const char config_help[] = "Shows what a configuration comes to, and what it can have.\n";

static const char dump_help[] =
	"Prints every value in force as YAML: defaults and --set included, files joined, paths\n"
	"absolute. Key files are named and not read.\n";

static int dump_run(const struct streams *streams, int count, char **arguments) {
	static const char name[] = "config dump";
	struct request request;
	struct config *config;
	int status = parse(streams, name, count, arguments, &request);
	if (status == STATUS_OK)
		status = load(streams, name, &request.source, &config);
	if (status != STATUS_OK)
		return status;
	auto_free char *text = NULL;
	size_t size;
	enum err error = config_dump(config, &text, &size);
	config_free(config);
	return error ? fail(streams, name, error) : output_data(streams, text, size);
}

enum { YAML, MAN };

static const struct command_option reference_options[] = {
	[YAML] = {"--yaml", NULL, "a configuration with comments, to begin with", false},
	[MAN] = {"--man", NULL, "the section of the manual page", false},
	{0},
};

static const char reference_help[] =
	"Prints every key that a configuration can have: what it is for, what it takes, and\n"
	"what holds when it is absent.\n";

static int reference_run(const struct streams *streams, int count, char **arguments) {
	static const char name[] = "config reference";
	struct command_line line;
	int status = command_parse(streams, name, reference_options, 0, 0, count, arguments, &line);
	if (status != STATUS_OK)
		return status;
	if (line.values[YAML] && line.values[MAN]) {
		output_message(streams, "%s: --yaml and --man exclude each other", name);
		return STATUS_USAGE;
	}
	enum config_reference form = line.values[YAML]  ? CONFIG_REFERENCE_YAML
								 : line.values[MAN] ? CONFIG_REFERENCE_MAN
													: CONFIG_REFERENCE_TEXT;
	auto_free char *text = NULL;
	size_t size;
	enum err error = config_reference(form, &text, &size);
	return error ? fail(streams, name, error) : output_data(streams, text, size);
}

const struct command config_commands[] = {
	{"dump", "print all values in force", dump_help, dump_run, NULL, check_options, NULL},
	{"reference", "print what every key is for", reference_help, reference_run, NULL,
	 reference_options, NULL},
	{0},
};

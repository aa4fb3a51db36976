#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "cli/ca.h"
#include "cli/init_files.h"
#include "cli/text_buffer.h"
#include "crypto/certificate.h"

/* ca revoke, ca list */

enum { SERIAL_PREFIX_MIN = 8 }; /* digits that may stand for a serial number */

static int64_t seconds_now(void) {
	return (int64_t)(clock_wall_now() / CLOCK_SECOND);
}

/* ca revoke */

enum { REVOKE_DIRECTORY };

const struct command_option ca_revoke_options[] = {
	[REVOKE_DIRECTORY] = CA_DIRECTORY_OPTION,
	{0},
};

const char ca_revoke_help[] =
	"Puts certificates on the list of revoked ones: all of a name, or the one of a serial number\n"
	"(its first 8 digits will do). Bring the new crl.pem to the servers, where 'umbra reload'\n"
	"takes it up and ends the sessions of those on it within a second.\n";

/* A name means all of its certificates; what is nobody's name may be a serial number's beginning.
 */
static bool is_meant(const struct ca_issued *item, const char *who, bool by_name) {
	if (by_name)
		return strcmp(item->entry.name, who) == 0;
	return strlen(who) >= SERIAL_PREFIX_MIN && strncmp(item->entry.serial, who, strlen(who)) == 0;
}

struct choice {
	bool by_name;
	size_t found, revoked; /* of those found, before */
};

static struct choice choose(const struct ca_issued *items, size_t count, const char *who) {
	struct choice choice = {.by_name = false};
	for (size_t i = 0; i < count && !choice.by_name; i++)
		choice.by_name = strcmp(items[i].entry.name, who) == 0;
	for (size_t i = 0; i < count; i++) {
		bool meant = is_meant(&items[i], who, choice.by_name);
		choice.found += meant;
		choice.revoked += meant && items[i].revoked;
	}
	return choice;
}

/* A list with those that are meant, too. */
static enum err lengthen(struct ca_folder *folder, const struct ca_issued *items, size_t count,
						 const char *who, bool by_name) {
	enum err error = ERR_OK;
	for (size_t i = 0; i < count && !error; i++) {
		char *longer;
		if (items[i].revoked || !is_meant(&items[i], who, by_name))
			continue;
		error = authority_revoke(folder->authority, slice_of_text(folder->list),
								 slice_of_text(items[i].certificate), seconds_now(), &longer);
		if (!error) {
			free(folder->list);
			folder->list = longer;
		}
	}
	return error;
}

static int write_list(const struct streams *streams, const char *command,
					  const struct ca_folder *folder) {
	struct init_files files;
	init_files_init(&files, folder->directory);
	enum err error = init_files_add(&files, CA_LIST, 0644, folder->list, strlen(folder->list));
	int status = STATUS_FAILED;
	if (error)
		output_message(streams, "%s: %s", command, err_text(error));
	else
		status = init_files_commit(streams, command, &files, true);
	init_files_done(&files);
	return status;
}

static int revoke(const struct streams *streams, const char *command, struct ca_folder *folder,
				  const struct ca_issued *items, size_t count, const char *who) {
	const struct choice choice = choose(items, count, who);
	if (choice.found == 0) {
		output_message(streams, "%s: no certificate is of '%s'", command, command_repeatable(who));
		return STATUS_FAILED;
	}
	if (!choice.by_name && choice.found > 1) {
		output_message(streams, "%s: '%s' begins the serial numbers of %zu", command,
					   command_repeatable(who), choice.found);
		return STATUS_FAILED;
	}
	if (choice.revoked == choice.found) {
		output_message(streams, "%s: revoked already", command);
		return STATUS_OK;
	}
	enum err error = lengthen(folder, items, count, who, choice.by_name);
	if (error) {
		output_message(streams, "%s: %s", command, err_text(error));
		return STATUS_FAILED;
	}
	int status = write_list(streams, command, folder);
	if (status == STATUS_OK)
		output_message(streams,
					   "%s: revoked %zu; bring %s/" CA_LIST " to the servers, where 'umbra reload' "
					   "takes it up and ends what goes on by them",
					   command, choice.found - choice.revoked, folder->directory);
	return status;
}

int ca_revoke_run(const struct streams *streams, int count, char **arguments) {
	static const char name[] = "ca revoke";
	struct command_line line;
	int status = command_parse(streams, name, ca_revoke_options, 1, 1, count, arguments, &line);
	if (status != STATUS_OK)
		return status;
	struct ca_folder folder;
	status = ca_folder_open(streams, name, line.values[REVOKE_DIRECTORY], &folder);
	if (status != STATUS_OK)
		return status;
	struct ca_issued *items;
	size_t issued;
	status = ca_folder_issued(streams, name, &folder, &items, &issued);
	if (status == STATUS_OK) {
		status = revoke(streams, name, &folder, items, issued, line.operands[0]);
		ca_issued_free(items, issued);
	}
	ca_folder_close(&folder);
	return status;
}

/* ca list */

enum { LIST_JSON, LIST_DIRECTORY };

const struct command_option ca_list_options[] = {
	[LIST_JSON] = {"--json", NULL, "as JSON", false},
	[LIST_DIRECTORY] = CA_DIRECTORY_OPTION,
	{0},
};

const char ca_list_help[] =
	"Lists the certificates that were issued, the oldest first: serial number, use, until when it\n"
	"is valid and whether it is, the name, and of a server the pin for 'umbra login --pin'.\n";

static const char *state_of(const struct ca_issued *item) {
	if (item->revoked)
		return "revoked";
	int64_t now = seconds_now();
	if (item->entry.valid_until < now)
		return "expired";
	return item->entry.valid_from > now ? "not yet valid" : "valid";
}

static const char *use_of(const struct ca_issued *item) {
	return item->entry.use == AUTHORITY_SERVER ? "server" : "client";
}

/* What clients can know a server by. */
static bool pin_of(const struct ca_issued *item, char out_pin[static CERTIFICATE_PIN_TEXT_SIZE]) {
	struct certificate_facts facts;
	if (item->entry.use != AUTHORITY_SERVER ||
		certificate_read(slice_of_text(item->certificate), &facts))
		return false;
	certificate_pin_format(facts.pin, out_pin);
	return true;
}

static void add_line(struct text_buffer *text, const struct ca_issued *item) {
	char until[16] = "?";
	const time_t seconds = item->entry.valid_until;
	struct tm fields;
	if (gmtime_r(&seconds, &fields))
		(void)strftime(until, sizeof until, "%Y-%m-%d", &fields);
	text_buffer_add(text, "%s  %s  %s  %-7s  ", item->entry.serial, use_of(item), until,
					state_of(item));
	text_buffer_add_clean(text, item->entry.name);
	char pin[CERTIFICATE_PIN_TEXT_SIZE];
	if (pin_of(item, pin))
		text_buffer_add(text, "  %s", pin);
	text_buffer_add(text, "\n");
}

/* Names are printable UTF-8: RFC 8259 section 7 has two more characters to be escaped. */
static void add_json_text(struct text_buffer *text, const char *name) {
	for (; *name; name++)
		text_buffer_add(text, *name == '"' || *name == '\\' ? "\\%c" : "%c", *name);
}

static void add_json(struct text_buffer *text, const struct ca_issued *item) {
	text_buffer_add(text, "{\"serial\":\"%s\",\"use\":\"%s\",\"name\":\"", item->entry.serial,
					use_of(item));
	add_json_text(text, item->entry.name);
	text_buffer_add(text, "\",\"valid_from\":%lld,\"valid_until\":%lld,\"state\":\"%s\"",
					(long long)item->entry.valid_from, (long long)item->entry.valid_until,
					state_of(item));
	char pin[CERTIFICATE_PIN_TEXT_SIZE];
	if (pin_of(item, pin))
		text_buffer_add(text, ",\"pin\":\"%s\"", pin);
	text_buffer_add(text, "}");
}

static int print(const struct streams *streams, const struct ca_issued *items, size_t count,
				 bool json) {
	auto_text_buffer struct text_buffer text = {0};
	if (json)
		text_buffer_add(&text, "[");
	for (size_t i = 0; i < count; i++) {
		if (json && i > 0)
			text_buffer_add(&text, ",");
		(json ? add_json : add_line)(&text, &items[i]);
	}
	if (json)
		text_buffer_add(&text, "]\n");
	return output_buffer(streams, &text);
}

int ca_list_run(const struct streams *streams, int count, char **arguments) {
	static const char name[] = "ca list";
	struct command_line line;
	int status = command_parse(streams, name, ca_list_options, 0, 0, count, arguments, &line);
	if (status != STATUS_OK)
		return status;
	struct ca_folder folder;
	status = ca_folder_open(streams, name, line.values[LIST_DIRECTORY], &folder);
	if (status != STATUS_OK)
		return status;
	struct ca_issued *items;
	size_t issued;
	status = ca_folder_issued(streams, name, &folder, &items, &issued);
	if (status == STATUS_OK) {
		status = print(streams, items, issued, line.values[LIST_JSON] != NULL);
		ca_issued_free(items, issued);
	}
	ca_folder_close(&folder);
	return status;
}

#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "cli/command.h"
#include "crypto/authority.h"

/*
 * The folder of a certificate authority, and the commands about it:
 *
 *   ca.pem, ca.key         the authority
 *   crl.pem                the list of what was revoked: the only record of that
 *   issued/SERIAL.pem      every certificate that was issued, without its key
 */

#define CA_DIRECTORY "/etc/umbra/ca"
#define CA_CERTIFICATE "ca.pem"
#define CA_KEY "ca.key"
#define CA_LIST "crl.pem"
#define CA_ISSUED "issued"

#define CA_DIRECTORY_OPTION \
	{ "--directory", "PATH", "where the authority is; " CA_DIRECTORY, false }

extern const struct command ca_commands[];
extern const char ca_help[];

struct ca_folder {
	const char *directory;
	int64_t valid_until; /* s since 1970 */
	char *list;          /* the list's text, NULL-terminated */
	struct authority *authority;
};

/* Reads authority and list. An exit code, after a message that begins with the command's name. */
[[nodiscard]] int ca_folder_open(const struct streams *streams, const char *command,
								 const char *directory, struct ca_folder *out_folder);
void ca_folder_close(struct ca_folder *folder);

/* One of issued/. */
struct ca_issued {
	struct authority_entry entry;
	char *certificate; /* its text */
	bool revoked;
};

/* All of them, the oldest first; the caller frees them by ca_issued_free(). */
[[nodiscard]] int ca_folder_issued(const struct streams *streams, const char *command,
								   const struct ca_folder *folder, struct ca_issued **out_items,
								   size_t *out_count);
void ca_issued_free(struct ca_issued *items, size_t count);

/* ca_issue.c; each an exit code, after a message. */

/* Makes an authority in a folder, NULL: CA_DIRECTORY. */
[[nodiscard]] int ca_make(const struct streams *streams, const char *command, const char *directory,
						  const char *issuer, int64_t from, int64_t until, bool force);
/* A certificate of the folder's authority, which keeps it; whoever has the pair wipes it. A request
 * without an end is for as long as the authority itself is. */
[[nodiscard]] int ca_issue(const struct streams *streams, const char *command,
						   const char *directory, const struct authority_request *request,
						   struct certificate_pair *out_pair);

extern const char ca_init_help[], ca_issue_help[], ca_revoke_help[], ca_list_help[];
extern const struct command_option ca_init_options[], ca_issue_options[], ca_revoke_options[],
	ca_list_options[];
int ca_init_run(const struct streams *streams, int count, char **arguments);
int ca_issue_run(const struct streams *streams, int count, char **arguments);
int ca_revoke_run(const struct streams *streams, int count, char **arguments);
int ca_list_run(const struct streams *streams, int count, char **arguments);

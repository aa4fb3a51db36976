#pragma once

/* Include behind assert_int_equal(), as cmocka.h has it: a server whose clients log in, and such a
 * client, both whole devices. */

#include "crypto/authority_desk.h"
#include "crypto/chain.h"
#include "proto/phaze_control.h"
#include "proto/phaze_device.h"
#include "proto/phaze_gate.h"
#include "sim/world.h"

#define LOGINS_DELAY (10 * CLOCK_MILLISECOND)
#define LOGINS_NAME "vpn.example.org"

enum { LOGINS_WAITING_MAX = 512, LOGINS_SERVERS = 2, LOGINS_EVENTS_MAX = 64 };

/* What a host was told. */
struct logins_host {
	struct node *node;
	size_t tickets; /* how often */
	enum err deaf;  /* what comes of those; ERR_OK: they are taken */
	bool has_ticket;
	struct uapi_ticket ticket;
	uint64_t ticket_until;
	uint64_t used;
	size_t tellings;  /* of that, those in vain included */
	enum err no_room; /* what comes of them but for the next so many; ERR_OK: all are taken */
	size_t room;
	size_t abandoned;
	size_t settings;
	struct interface_settings told;
	size_t event_count; /* the last ones */
	struct {
		enum device_event_kind kind;
		uint32_t count;
		char text[256];
	} events[LOGINS_EVENTS_MAX];
};

/* A login that waits for the judge. */
struct logins_waiting {
	uint64_t id;
	char user[DEVICE_USER_MAX + 1], password[DEVICE_PASSWORD_MAX + 1];
	bool by_certificate;
};

struct logins {
	struct world *world;
	struct desk desk; /* the authority */
	struct certificate_pair server_pair, client_pair;
	struct node *server, *client;
	struct logins_host server_host, client_host;
	uint8_t server_identity[HASH_SIZE], member_identity[HASH_SIZE];

	/* The judge. */
	bool silent;               /* he says nothing */
	enum err refuses;          /* to be asked */
	enum device_reject reject; /* whatever he is shown; 0: by user and password */
	bool loaded;
	const char *member_lines; /* that come with a member */
	size_t judged;
	size_t waiting_count;
	struct logins_waiting waiting[LOGINS_WAITING_MAX];
};

/* What logs in; the rest of both configurations is always the same. */
struct logins_options {
	const struct node_options *node;
	const char *demands;      /* NULL: password */
	const char *password;     /* the client's; NULL: none */
	bool certificate;         /* the client has one */
	const char *name;         /* that the client wants of its server; NULL: LOGINS_NAME */
	const char *server_lines; /* behind the others; NULL: none */
	size_t endpoints_before;  /* of the client's, where nobody is */
};

/* Both are configured and down. The judge lets alice in with "secret". */
struct logins *logins_new(uint64_t seed, const struct logins_options *options);
/* Once more, in place of what lines changed since. */
void logins_configure(struct logins *logins, const struct logins_options *options);
/* Both go up, and a second passes. */
struct logins *logins_up(uint64_t seed, const struct logins_options *options);
void logins_free(struct logins *logins);

/* Time passes; the judge answers after 50 ms. */
void logins_run(struct logins *logins, uint64_t duration);
/* He answers all that wait now. */
void logins_judge(struct logins *logins);
bool logins_is_connected(const struct logins *logins);
/* Packets pass both ways. */
void logins_assert_talking(struct logins *logins, uint32_t number);
void logins_assert_apart(struct logins *logins, uint32_t number);

/* The members of a device; NULL: there is none. */
struct phaze_member *logins_member(const struct logins *logins);
struct phaze_member *logins_of_client(const struct logins *logins);

/* Of any size, unlike node_set(). */
int logins_set(struct node *node, const char *text);
/* PEM as lines of a key; the caller frees it. */
char *logins_pem_lines(const char *key, const char *pem);
/* The last event of a kind at that host; -1: there is none. */
long logins_last_event(const struct logins_host *host, enum device_event_kind kind);
/* How many packets of a type that end sent, plain ones of handshakes being 0. */
size_t logins_sent(const struct logins *logins, const struct node *from, uint8_t type);
/* ClientHellos, of anybody's; and the last of them, which the caller frees. */
size_t logins_hellos(const struct logins *logins);
struct slice logins_last_hello(const struct logins *logins);

/* The client goes down, and both know it; it comes up again, and talks. */
void logins_end_session(struct logins *logins);
void logins_come_back(struct logins *logins, uint32_t number);
/* The client is made anew, and has this ticket; it and the password may be NULL. */
void logins_give_ticket(struct logins *logins, const struct uapi_ticket *ticket,
						const char *password);
/* Both were told that a session ended so. */
void logins_assert_ended(const struct logins *logins, enum phaze_close_code code);

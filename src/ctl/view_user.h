#pragma once

#include "ctl/view.h"

/* Users, who log in to this node's tunnels, as in view.h; doc/api.md shows them. */

enum { VIEW_PASSWORD_MAX = 1024, VIEW_GROUPS_MAX = 16, VIEW_DEVICES_MAX = 255 };

/* Addresses that a user's device has of a tunnel. */
struct view_lease {
	char *tunnel; /* heap texts belong to the structure */
	char *peer;   /* the name of the peer that it is there */
	struct address *addresses;
	size_t address_count;
	uint64_t used; /* seconds since the Unix epoch; 0: never */
};

struct view_user {
	char *name;
	bool has_password;
	char *groups; /* one a line; NULL: none */
	bool disabled;
	uint64_t expires; /* seconds since the Unix epoch; 0: never */
	uint64_t quota;   /* bytes; 0: none */
	uint64_t used;
	uint64_t rate; /* bytes/s each way; 0: none */
	uint32_t devices;
	uint64_t created, seen; /* seconds since the Unix epoch; 0: never */
	struct view_lease *leases;
	size_t lease_count;
};

void view_user_done(struct view_user *user);
void view_users_free(struct view_user *users, size_t count);
enum err view_user_encode(const struct view_user *user, char **out_text, size_t *out_size);
enum err view_user_decode(const char *text, size_t size, struct view_user *out_user);
enum err view_users_encode(const struct view_user *users, size_t count, char **out_text,
						   size_t *out_size); /* {"users": […]} */
enum err view_users_decode(const char *text, size_t size, struct view_user **out_users,
						   size_t *out_count);

/* The body of a request to add a user, or to change one: what is not said stays as it is. */
struct view_user_request {
	char *name;     /* of one to add, and only there */
	char *password; /* wiped by _done; NULL: not said, "": none is right */
	bool has_groups, has_disabled, has_expires, has_quota, has_rate, has_devices;
	bool resets;  /* what it has used begins at 0; only of a change */
	char *groups; /* one a line; NULL: none */
	bool disabled;
	uint64_t expires, quota, rate;
	uint32_t devices;
};
void view_user_request_done(struct view_user_request *request);
enum err view_user_request_encode(const struct view_user_request *request, char **out_text,
								  size_t *out_size); /* wipe and free it */
enum err view_user_request_decode(const char *text, size_t size, bool adds,
								  struct view_user_request *out_request,
								  char out_problem[static VIEW_PROBLEM_SIZE]);

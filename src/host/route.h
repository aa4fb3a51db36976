#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct nlmsghdr;

/*
 * A conversation with the kernel's routing (rtnetlink), in the network namespace of the caller.
 * Requests travel many at a time, so that thousands of routes take milliseconds.
 */

struct route;

enum { ROUTE_MESSAGE_SIZE = 256 }; /* room that route_add() gives to a request */

enum err route_open(struct route **out_route);
/* NULL-safe. */
void route_close(struct route *route);

/*
 * A list of requests: route_begin(), any number of route_add(), route_end(). They are carried out
 * in their order, each on its own. failed is called for each that the kernel refused, with the item
 * given to route_add() and the errno value.
 */
typedef void route_failed(void *context, size_t item, int number);
void route_begin(struct route *route, route_failed *failed, void *context);

/*
 * An empty request of a type (RTM_NEWROUTE …) with flags (NLM_F_CREATE …) and a zeroed header of
 * header_size bytes behind it, to be filled in before the next call.
 */
struct nlmsghdr *route_add(struct route *route, uint16_t type, uint16_t flags, size_t header_size,
						   size_t item);

/* Sends what is left. An error here is one of the conversation itself. */
enum err route_end(struct route *route);

/*
 * Asks for a list: header is the body of the request, such as struct rtmsg. found is called for
 * every entry that has as much of a body at least. The list is asked for again when it changed
 * under way; restart is called first then, to forget what found collected.
 */
struct route_listing {
	uint16_t type; /* RTM_GETROUTE … */
	const void *header;
	size_t header_size;
	uint32_t interface; /* of routes: 0 for those of all interfaces; else a hint to the kernel */
	enum err (*found)(void *context, const struct nlmsghdr *message);
	void (*restart)(void *context);
	void *context;
};
enum err route_list(struct route *route, const struct route_listing *listing);

/* One request with one answer, which is handed to found; out_number is the errno value or 0. */
enum err route_ask(struct route *route, struct nlmsghdr *request,
				   void (*found)(void *context, const struct nlmsghdr *message), void *context,
				   int *out_number);

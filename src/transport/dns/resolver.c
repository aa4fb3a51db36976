#include "transport/dns/resolver.h"

/* Newer versions of the library call functions deprecated that older ones have no others for. */
#define CARES_NO_DEPRECATED
#include <ares.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/list.h"
#include "loop/control_loop.h"

enum { LABEL_MAX = 63 }; /* RFC 1035 2.3.4 */

struct question {
	struct list link;
	struct resolver *resolver;
	void (*done)(void *context, const struct resolver_answer *answer);
	void *context;
	struct resolver_answer answer;
	char name[RESOLVER_NAME_MAX + 2]; /* with a last dot and a NUL */
};

/* A socket of the library's. */
struct watch {
	struct list link;
	struct resolver *resolver;
	ares_socket_t socket;
	struct control_watch *watch;
};

struct resolver {
	struct resolver_options options;
	char *servers;
	ares_channel channel;
	struct control_timer *timer;
	struct list watches;
	struct list waiting, asking, answered; /* questions, first come, first served */
	size_t waiting_count, asking_count;
	bool renewing; /* another channel takes over what this one was asked */
};

/* The library's sockets are the owner's: the six calls that it would make itself. */

static ares_socket_t on_socket(int family, int type, int protocol, void *context) {
	const struct resolver *resolver = context;
	(void)protocol;
	return resolver->options.open_socket(resolver->options.context, family, type);
}

static int on_close(ares_socket_t socket, void *context) {
	(void)context;
	return close(socket);
}

static int on_connect(ares_socket_t socket, const struct sockaddr *address, ares_socklen_t size,
					  void *context) {
	(void)context;
	return connect(socket, address, size);
}

static ares_ssize_t on_receive(ares_socket_t socket, void *data, size_t size, int flags,
							   struct sockaddr *from, ares_socklen_t *from_size, void *context) {
	(void)context;
	return recvfrom(socket, data, size, flags, from, from_size);
}

static ares_ssize_t on_send(ares_socket_t socket, const struct iovec *parts, int count,
							void *context) {
	(void)context;
	const struct msghdr message = {
		.msg_iov = (struct iovec *)(uintptr_t)parts,
		.msg_iovlen = (size_t)count,
	};
	return sendmsg(socket, &message, MSG_NOSIGNAL);
}

static const struct ares_socket_functions socket_functions = {
	.asocket = on_socket,
	.aclose = on_close,
	.aconnect = on_connect,
	.arecvfrom = on_receive,
	.asendv = on_send,
};

/* When to be called. */

static void set_timer(struct resolver *resolver) {
	bool work =
		!list_is_empty(&resolver->answered) ||
		(!list_is_empty(&resolver->waiting) && resolver->asking_count < RESOLVER_ASKING_MAX);
	struct timeval buffer;
	const struct timeval *left = ares_timeout(resolver->channel, NULL, &buffer);
	if (work)
		control_timer_set(resolver->timer, 0);
	else if (left)
		control_timer_set(resolver->timer, (uint64_t)left->tv_sec * CLOCK_SECOND +
											   (uint64_t)left->tv_usec * CLOCK_MICROSECOND);
	else
		control_timer_stop(resolver->timer);
}

static void pump(struct resolver *resolver);

static void on_timer(void *context) {
	struct resolver *resolver = context;
	ares_process_fd(resolver->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
	pump(resolver);
}

static void on_ready(void *context, uint32_t events) {
	const struct watch *watch = context;
	struct resolver *resolver = watch->resolver;
	ares_socket_t socket = watch->socket; /* the watch may end in here */
	bool failed = events & (EPOLLERR | EPOLLHUP);
	ares_process_fd(resolver->channel, failed || (events & EPOLLIN) ? socket : ARES_SOCKET_BAD,
					events & EPOLLOUT ? socket : ARES_SOCKET_BAD);
	pump(resolver);
}

static struct watch *find_watch(const struct resolver *resolver, ares_socket_t socket) {
	list_for_each (link, &resolver->watches) {
		struct watch *watch = list_item(link, struct watch, link);
		if (watch->socket == socket)
			return watch;
	}
	return NULL;
}

static void end_watch(struct watch *watch) {
	control_watch_free(watch->watch);
	list_remove(&watch->link);
	free(watch);
}

/* A socket that cannot be watched is as good as one that gets no answer: the time runs out. */
static void begin_watch(struct resolver *resolver, ares_socket_t socket, uint32_t events) {
	struct watch *watch = malloc(sizeof *watch);
	if (!watch)
		return;
	*watch = (struct watch){.resolver = resolver, .socket = socket};
	if (control_watch_new(resolver->options.loop, socket, events, on_ready, watch, &watch->watch) !=
		ERR_OK) {
		free(watch);
		return;
	}
	list_append(&resolver->watches, &watch->link);
}

/* The library says what it waits for; neither: it is about to close the socket. */
static void on_state(void *context, ares_socket_t socket, int readable, int writable) {
	struct resolver *resolver = context;
	struct watch *watch = find_watch(resolver, socket);
	uint32_t events = (readable ? EPOLLIN : 0U) | (writable ? EPOLLOUT : 0U);
	if (!watch && events)
		begin_watch(resolver, socket, events);
	else if (watch && (events == 0 || control_watch_change(watch->watch, events) != ERR_OK))
		end_watch(watch);
}

/* Answers. */

static bool is_usable(const struct address *address) {
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	const uint8_t *bytes = address->bytes;
	struct address none = {.family = address->family};
	if (address_equal(address, &none))
		return false;
	if (address->family == ADDRESS_V4)
		return (bytes[0] & 0xf0) != 0xe0 && memcmp(bytes, "\xff\xff\xff\xff", 4) != 0;
	return bytes[0] != 0xff && (bytes[0] != 0xfe || (bytes[1] & 0xc0) != 0x80) &&
		   memcmp(bytes, mapped, sizeof mapped) != 0;
}

/* The addresses of one family, each once. */
struct harvest {
	struct address addresses[RESOLVER_ADDRESSES_MAX];
	size_t count;
};

static void harvest_add(struct harvest *harvest, const struct address *address) {
	for (size_t i = 0; i < harvest->count; i++)
		if (address_equal(&harvest->addresses[i], address))
			return;
	if (harvest->count < RESOLVER_ADDRESSES_MAX && is_usable(address))
		harvest->addresses[harvest->count++] = *address;
}

static void lower(uint32_t *ttl, int other) {
	uint32_t seconds = other > 0 ? (uint32_t)other : 0;
	if (seconds < *ttl)
		*ttl = seconds;
}

static void take_addresses(const struct ares_addrinfo *info, struct resolver_answer *answer) {
	struct harvest v6 = {.count = 0}, v4 = {.count = 0};
	uint32_t ttl = INT32_MAX;
	for (const struct ares_addrinfo_node *node = info->nodes; node; node = node->ai_next) {
		struct address address;
		if (node->ai_family == AF_INET6) {
			struct sockaddr_in6 socket;
			memcpy(&socket, node->ai_addr, sizeof socket);
			address = address_from_bytes(ADDRESS_V6, socket.sin6_addr.s6_addr);
			harvest_add(&v6, &address);
		} else if (node->ai_family == AF_INET) {
			struct sockaddr_in socket;
			memcpy(&socket, node->ai_addr, sizeof socket);
			address = address_from_bytes(ADDRESS_V4, (const uint8_t *)&socket.sin_addr.s_addr);
			harvest_add(&v4, &address);
		}
		lower(&ttl, node->ai_ttl);
	}
	for (const struct ares_addrinfo_cname *name = info->cnames; name; name = name->next)
		lower(&ttl, name->ttl);
	for (size_t i = 0; answer->count < RESOLVER_ADDRESSES_MAX && i < RESOLVER_ADDRESSES_MAX; i++) {
		if (i < v6.count)
			answer->addresses[answer->count++] = v6.addresses[i];
		if (i < v4.count && answer->count < RESOLVER_ADDRESSES_MAX)
			answer->addresses[answer->count++] = v4.addresses[i];
	}
	answer->ttl = ttl;
}

static void fail(struct resolver_answer *answer, enum err error, const char *problem) {
	answer->error = error;
	(void)snprintf(answer->problem, sizeof answer->problem, "%s", problem);
}

static void judge(struct resolver_answer *answer, int status) {
	switch (status) {
	case ARES_SUCCESS:
		if (answer->count == 0)
			fail(answer, ERR_NOT_FOUND, "the name has no address that could be reached");
		return;
	case ARES_ENOTFOUND:
		fail(answer, ERR_NOT_FOUND, "no such name");
		return;
	case ARES_ENODATA:
		fail(answer, ERR_NOT_FOUND, "the name has no address");
		return;
	case ARES_ETIMEOUT:
	case ARES_ECONNREFUSED:
		fail(answer, ERR_AGAIN, "no name server answers");
		return;
	case ARES_ENOMEM:
		fail(answer, ERR_NO_MEMORY, err_text(ERR_NO_MEMORY));
		return;
	default:
		fail(answer, ERR_AGAIN, ares_strerror(status));
	}
}

static void on_answer(void *context, int status, int timeouts, struct ares_addrinfo *info) {
	struct question *question = context;
	struct resolver *resolver = question->resolver;
	(void)timeouts;
	list_remove(&question->link);
	resolver->asking_count--;
	if (resolver->renewing) {
		list_append(&resolver->waiting, &question->link);
		resolver->waiting_count++;
	} else {
		if (status == ARES_SUCCESS && info)
			take_addresses(info, &question->answer);
		judge(&question->answer, status);
		list_append(&resolver->answered, &question->link);
	}
	if (info)
		ares_freeaddrinfo(info);
}

/* Questions. */

static void start(struct resolver *resolver, struct question *question) {
	/* In the order of our own; and the loop looks at addresses, no kind of socket. */
	const struct ares_addrinfo_hints hints = {
		.ai_family = AF_UNSPEC,
		.ai_socktype = SOCK_DGRAM,
		.ai_flags = ARES_AI_NOSORT,
	};
	list_append(&resolver->asking, &question->link);
	resolver->asking_count++;
	ares_getaddrinfo(resolver->channel, question->name, NULL, &hints, on_answer, question);
}

/* Only ever called by the loop: so is everything that is told from here. */
static void pump(struct resolver *resolver) {
	while (resolver->asking_count < RESOLVER_ASKING_MAX) {
		struct list *link = list_take_first(&resolver->waiting);
		if (!link)
			break;
		resolver->waiting_count--;
		start(resolver, list_item(link, struct question, link));
	}
	struct list *link;
	while ((link = list_take_first(&resolver->answered))) {
		struct question *question = list_item(link, struct question, link);
		question->done(question->context, &question->answer);
		free(question);
	}
	set_timer(resolver);
}

static bool is_label_character(char character) {
	return (character >= 'a' && character <= 'z') || (character >= 'A' && character <= 'Z') ||
		   (character >= '0' && character <= '9') || character == '-' || character == '_';
}

static bool is_host_name(const char *name) {
	size_t size = strnlen(name, RESOLVER_NAME_MAX + 2), label = 0;
	if (size > 0 && name[size - 1] == '.')
		size--;
	if (size == 0 || size > RESOLVER_NAME_MAX)
		return false;
	for (size_t i = 0; i < size; i++) {
		if (name[i] == '.' ? label == 0 : !is_label_character(name[i]))
			return false;
		label = name[i] == '.' ? 0 : label + 1;
		if (label > LABEL_MAX)
			return false;
	}
	return label > 0;
}

enum err resolver_ask(struct resolver *resolver, const char *name,
					  void (*done)(void *context, const struct resolver_answer *answer),
					  void *context) {
	if (!is_host_name(name))
		return ERR_INVALID;
	if (resolver->waiting_count >= RESOLVER_WAITING_MAX)
		return ERR_LIMIT;
	struct question *question = calloc(1, sizeof *question);
	if (!question)
		return ERR_NO_MEMORY;
	question->resolver = resolver;
	question->done = done;
	question->context = context;
	memcpy(question->name, name, strlen(name) + 1);
	list_append(&resolver->waiting, &question->link);
	resolver->waiting_count++;
	set_timer(resolver);
	return ERR_OK;
}

/* Life. */

static enum err open_channel(struct resolver *resolver, ares_channel *out_channel) {
	char lookups[] = "fb"; /* /etc/hosts first */
	struct ares_options options = {
		.timeout = (int)resolver->options.timeout,
		.tries = RESOLVER_TRIES,
		.lookups = lookups,
		.sock_state_cb = on_state,
		.sock_state_cb_data = resolver,
	};
	ares_channel channel;
	int status = ares_init_options(&channel, &options,
								   ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_LOOKUPS |
									   ARES_OPT_SOCK_STATE_CB);
	if (status != ARES_SUCCESS)
		return status == ARES_ENOMEM ? ERR_NO_MEMORY : ERR_IO;
	ares_set_socket_functions(channel, &socket_functions, resolver);
	if (resolver->servers &&
		ares_set_servers_ports_csv(channel, resolver->servers) != ARES_SUCCESS) {
		ares_destroy(channel);
		return ERR_INVALID;
	}
	*out_channel = channel;
	return ERR_OK;
}

static enum err init(struct resolver *resolver, const struct resolver_options *options) {
	if (options->servers && !(resolver->servers = strdup(options->servers)))
		return ERR_NO_MEMORY;
	enum err error = control_timer_new(options->loop, on_timer, resolver, &resolver->timer);
	return error == ERR_OK ? open_channel(resolver, &resolver->channel) : error;
}

enum err resolver_new(const struct resolver_options *options, struct resolver **out_resolver) {
	if (ares_library_init(ARES_LIB_INIT_ALL) != ARES_SUCCESS)
		return ERR_NO_MEMORY;
	struct resolver *resolver = calloc(1, sizeof *resolver);
	if (!resolver) {
		ares_library_cleanup();
		return ERR_NO_MEMORY;
	}
	resolver->options = *options;
	if (resolver->options.timeout == 0)
		resolver->options.timeout = RESOLVER_TIMEOUT;
	list_init(&resolver->watches);
	list_init(&resolver->waiting);
	list_init(&resolver->asking);
	list_init(&resolver->answered);
	enum err error = init(resolver, options);
	if (error != ERR_OK) {
		resolver_free(resolver);
		return error;
	}
	*out_resolver = resolver;
	return ERR_OK;
}

static void free_questions(struct list *questions) {
	struct list *link;
	while ((link = list_take_first(questions)))
		free(list_item(link, struct question, link));
}

void resolver_free(struct resolver *resolver) {
	if (!resolver)
		return;
	if (resolver->channel)
		ares_destroy(resolver->channel); /* ends all that is being asked */
	free_questions(&resolver->answered);
	free_questions(&resolver->waiting);
	list_for_each (link, &resolver->watches)
		end_watch(list_item(link, struct watch, link));
	control_timer_free(resolver->timer);
	free(resolver->servers);
	free(resolver);
	ares_library_cleanup();
}

enum err resolver_reload(struct resolver *resolver) {
	ares_channel channel;
	enum err error = open_channel(resolver, &channel);
	if (error != ERR_OK)
		return error;
	resolver->renewing = true;
	ares_destroy(resolver->channel);
	resolver->renewing = false;
	resolver->channel = channel;
	set_timer(resolver);
	return ERR_OK;
}

enum err resolver_set_servers(struct resolver *resolver, const char *servers) {
	char *before = resolver->servers, *after = servers ? strdup(servers) : NULL;
	if (servers && !after)
		return ERR_NO_MEMORY;
	if ((!before && !after) || (before && after && strcmp(before, after) == 0)) {
		free(after);
		return ERR_OK;
	}
	resolver->servers = after;
	enum err error = resolver_reload(resolver);
	if (error)
		resolver->servers = before;
	free(error ? after : before);
	return error;
}

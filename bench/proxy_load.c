/*
 * proxy_load serve ADDRESS PORT
 * proxy_load bulk PROXY PROXY_PORT ADDRESS PORT STREAMS MILLISECONDS
 * proxy_load requests PROXY PROXY_PORT ADDRESS PORT COUNT
 *
 * What lies behind a SOCKS5 proxy, and who asks it for something. A connection to the server begins
 * with eight bytes, the number of bytes that it answers with; then it closes.
 *
 * bulk opens STREAMS connections, lets all of them come up to speed, and prints what arrived in
 * MILLISECONDS then: bytes, and the nanoseconds that were; and all the bytes that ever arrived.
 *
 * requests makes one connection after the other, from asking the proxy to the end of the answer of
 * REQUEST_BYTES, and prints the microseconds of each, a line each.
 *
 * PROXY "-" is none: directly.
 */
#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
	BLOCK = 256 * 1024,
	STREAMS_MAX = 256,
	REQUEST_BYTES = 1000,
	RECEIVE_SECONDS = 10,
	STACK = 128 * 1024,
	WARM_UP_MS = 300,
};

static uint8_t block[BLOCK];
static _Atomic uint64_t arrived;

_Noreturn static void fail(const char *what) {
	fprintf(stderr, "proxy_load: %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint64_t now_ns(void) {
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static struct sockaddr_in place(const char *address, const char *port) {
	struct sockaddr_in made = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};
	if (inet_pton(AF_INET, address, &made.sin_addr) != 1) {
		errno = EINVAL;
		fail(address);
	}
	return made;
}

static pthread_t thread(void *(*run)(void *), void *argument) {
	pthread_attr_t attributes;
	pthread_t made;
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, STACK);
	errno = pthread_create(&made, &attributes, run, argument);
	if (errno)
		fail("thread");
	pthread_attr_destroy(&attributes);
	return made;
}

static void send_all(int handle, const void *bytes, size_t size) {
	if (send(handle, bytes, size, MSG_NOSIGNAL) != (ssize_t)size)
		fail("send");
}

static void receive_all(int handle, void *bytes, size_t size, const char *what) {
	ssize_t got = recv(handle, bytes, size, MSG_WAITALL);
	if (got >= 0 && got < (ssize_t)size)
		errno = ECONNRESET;
	if (got != (ssize_t)size)
		fail(what);
}

/* The server */

static void *answer(void *argument) {
	int handle = (int)(intptr_t)argument;
	uint64_t left;
	if (recv(handle, &left, sizeof left, MSG_WAITALL) == (ssize_t)sizeof left) {
		left = be64toh(left);
		while (left > 0) {
			size_t part = left < BLOCK ? (size_t)left : BLOCK;
			ssize_t sent = send(handle, block, part, MSG_NOSIGNAL);
			if (sent < 0)
				break;
			left -= (uint64_t)sent;
		}
	}
	close(handle);
	return NULL;
}

_Noreturn static void serve(const struct sockaddr_in *at) {
	int on = 1, listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (bind(listener, (const struct sockaddr *)at, sizeof *at) || listen(listener, 1024))
		fail("listen");
	for (;;) {
		int handle = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
		if (handle < 0)
			fail("accept");
		setsockopt(handle, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
		pthread_detach(thread(answer, (void *)(intptr_t)handle));
	}
}

/* The client */

struct way {
	struct sockaddr_in proxy, target;
	int direct;
};

/* RFC 1928, without a password. */
static void ask_proxy(int handle, const struct sockaddr_in *target) {
	static const uint8_t greeting[] = {5, 1, 0};
	uint8_t request[10] = {5, 1, 0, 1}, reply[10];
	send_all(handle, greeting, sizeof greeting);
	receive_all(handle, reply, 2, "the proxy's greeting");
	memcpy(request + 4, &target->sin_addr, 4);
	memcpy(request + 8, &target->sin_port, 2);
	send_all(handle, request, sizeof request);
	receive_all(handle, reply, sizeof reply, "the proxy's reply");
	if (reply[1] != 0 || reply[3] != 1) {
		errno = ECONNREFUSED;
		fail("the proxy's reply");
	}
}

static int connect_to(const struct way *way) {
	const struct sockaddr_in *first = way->direct ? &way->target : &way->proxy;
	struct timeval patience = {.tv_sec = RECEIVE_SECONDS};
	int on = 1, handle = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	setsockopt(handle, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
	setsockopt(handle, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	if (connect(handle, (const struct sockaddr *)first, sizeof *first))
		fail("connect");
	if (!way->direct)
		ask_proxy(handle, &way->target);
	return handle;
}

static void ask(int handle, uint64_t bytes) {
	bytes = htobe64(bytes);
	send_all(handle, &bytes, sizeof bytes);
}

static void *take(void *argument) {
	const struct way *way = argument;
	int handle = connect_to(way);
	ask(handle, UINT64_MAX);
	for (;;) {
		/* Nobody looks at it, so it need not be copied. */
		ssize_t got = recv(handle, block, BLOCK, MSG_TRUNC);
		if (got <= 0) {
			errno = got ? errno : ECONNRESET;
			fail("a stream ended");
		}
		atomic_fetch_add_explicit(&arrived, (uint64_t)got, memory_order_relaxed);
	}
}

static void pause_ms(uint64_t milliseconds) {
	struct timespec time = {.tv_sec = (time_t)(milliseconds / 1000),
							.tv_nsec = (long)(milliseconds % 1000 * 1000000)};
	nanosleep(&time, NULL);
}

static void bulk(struct way *way, int streams, uint64_t milliseconds) {
	if (streams < 1 || streams > STREAMS_MAX) {
		errno = EINVAL;
		fail("streams");
	}
	for (int i = 0; i < streams; i++)
		pthread_detach(thread(take, way));
	pause_ms(WARM_UP_MS);
	uint64_t bytes = atomic_load(&arrived), began = now_ns();
	pause_ms(milliseconds);
	uint64_t after = atomic_load(&arrived), ended = now_ns();
	printf("%llu %llu %llu\n", (unsigned long long)(after - bytes),
		   (unsigned long long)(ended - began), (unsigned long long)after);
}

static void requests(const struct way *way, int count) {
	for (int i = 0; i < count; i++) {
		uint64_t began = now_ns();
		int handle = connect_to(way);
		ask(handle, REQUEST_BYTES);
		receive_all(handle, block, REQUEST_BYTES, "an answer");
		printf("%.1f\n", (double)(now_ns() - began) / 1e3);
		close(handle);
	}
}

int main(int count, char **arguments) {
	signal(SIGPIPE, SIG_IGN);
	if (count == 4 && strcmp(arguments[1], "serve") == 0) {
		struct sockaddr_in at = place(arguments[2], arguments[3]);
		serve(&at);
	}
	if (count < 7) {
		fprintf(stderr, "usage: proxy_load serve|bulk|requests …\n");
		return 2;
	}
	struct way way = {.direct = strcmp(arguments[2], "-") == 0};
	way.target = place(arguments[4], arguments[5]);
	if (!way.direct)
		way.proxy = place(arguments[2], arguments[3]);
	if (strcmp(arguments[1], "bulk") == 0 && count == 8)
		bulk(&way, atoi(arguments[6]), (uint64_t)atoll(arguments[7]));
	else if (strcmp(arguments[1], "requests") == 0 && count == 7)
		requests(&way, atoi(arguments[6]));
	else
		return 2;
	fflush(stdout);
	_exit(0); /* threads may still receive */
}

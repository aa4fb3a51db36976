#include "bench/arrivals/run.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "bench/generator/fail.h"

/* How often deadlines are looked at. */
#define LOOK (2 * CLOCK_MILLISECOND)

enum {
	READY = 64,
	DATAGRAM_MAX = 2048,
	DESCRIPTORS = 64,
	NETWORK_SIZE = 256, /* addresses of a /24 */
};

struct run {
	const struct arrival_ops *ops;
	uint32_t count;
	void *common;
	uint8_t *clients; /* ops->size bytes each */
	int *sockets;
	uint64_t *begun; /* ns; 0: not under way */
	int poll;
	/* Of the plan that is being carried out. */
	const struct run_plan *plan;
	struct run_result *result;
	uint32_t started, under_way;
	uint64_t begin, last;
};

static void *client_of(const struct run *run, uint32_t number) {
	return run->clients + number * run->ops->size;
}

static void raise_limit(uint32_t sockets) {
	struct rlimit limit;
	must(getrlimit(RLIMIT_NOFILE, &limit) == 0, "getrlimit");
	limit.rlim_cur = limit.rlim_max;
	must(setrlimit(RLIMIT_NOFILE, &limit) == 0, "setrlimit");
	errno = 0;
	must(limit.rlim_max >= sockets + DESCRIPTORS, "not so many sockets (ulimit -Hn)");
}

static int open_socket(int poll, const struct run_setup *setup, uint32_t number) {
	struct sockaddr_in from = {.sin_family = AF_INET};
	int made = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	must(made >= 0, "socket");
	if (setup->source.s_addr != 0)
		from.sin_addr.s_addr = htonl(ntohl(setup->source.s_addr) + number * NETWORK_SIZE);
	must(bind(made, (const struct sockaddr *)&from, sizeof from) == 0, "a client's address");
	must(connect(made, (const struct sockaddr *)&setup->server, sizeof setup->server) == 0,
		 "connect");
	struct epoll_event event = {.events = EPOLLIN, .data.u32 = number};
	must(epoll_ctl(poll, EPOLL_CTL_ADD, made, &event) == 0, "epoll_ctl");
	return made;
}

void run_new(const struct run_setup *setup, struct run **out_run) {
	const struct arrival_ops *ops = setup->ops;
	const uint32_t count = setup->count;
	struct run *run = calloc(1, sizeof *run);
	must(run, "memory");
	*run = (struct run){
		.ops = ops,
		.count = count,
		.clients = calloc(count, ops->size),
		.sockets = calloc(count, sizeof *run->sockets),
		.begun = calloc(count, sizeof *run->begun),
		.poll = epoll_create1(EPOLL_CLOEXEC),
	};
	must(run->clients && run->sockets && run->begun, "memory");
	must(run->poll >= 0, "epoll");
	raise_limit(count);
	errno = 0;
	must(!ops->open || (setup->folder && ops->open(setup->folder, &run->common) == ERR_OK),
		 "the clients' files");
	for (uint32_t i = 0; i < count; i++) {
		must(ops->init(client_of(run, i), i, run->common) == ERR_OK, "a client");
		run->sockets[i] = open_socket(run->poll, setup, i);
	}
	*out_run = run;
}

void run_free(struct run *run) {
	for (uint32_t i = 0; i < run->count; i++) {
		(void)close(run->sockets[i]);
		run->ops->done(client_of(run, i));
	}
	if (run->ops->close)
		run->ops->close(run->common);
	(void)close(run->poll);
	free(run->clients);
	free(run->sockets);
	free(run->begun);
	free(run);
}

static void send_all(struct run *run, uint32_t number) {
	struct slice datagram;
	while (run->ops->send(client_of(run, number), &datagram))
		/* What the kernel has no room for is lost, and repeated as what is lost further on. */
		while (send(run->sockets[number], datagram.data, datagram.size, 0) < 0 && errno == EINTR)
			;
}

static void look_at(struct run *run, uint32_t number) {
	send_all(run, number);
	enum arrival_state state = run->ops->state(client_of(run, number));
	if (run->begun[number] == 0 || state == ARRIVAL_UNDER_WAY)
		return;
	errno = 0;
	must(state != ARRIVAL_IDLE, "this end of a handshake");
	run->last = clock_now();
	if (state == ARRIVAL_THERE) {
		run->result->times[number - run->plan->first] = run->last - run->begun[number];
		run->result->there++;
	} else {
		run->result->refused++;
	}
	run->begun[number] = 0;
	run->under_way--;
}

static void start_some(struct run *run) {
	const struct run_plan *plan = run->plan;
	while (run->started < plan->count && run->under_way < plan->window &&
		   clock_now() >= run->begin + run->started * plan->every) {
		uint32_t number = plan->first + run->started++;
		run->begun[number] = clock_now();
		run->under_way++;
		errno = 0;
		must(run->ops->begin(client_of(run, number), plan->way, run->begun[number],
							 clock_wall_now()) == ERR_OK,
			 "a handshake's begin");
		look_at(run, number);
	}
}

static void take_all(struct run *run, uint32_t number) {
	uint8_t data[DATAGRAM_MAX];
	for (;;) {
		ssize_t size = recv(run->sockets[number], data, sizeof data, 0);
		if (size < 0)
			return; /* nothing more; or that nobody listened, which is a loss */
		run->ops->receive(client_of(run, number), data, (size_t)size, clock_now());
		look_at(run, number);
	}
}

static void receive(struct run *run, uint64_t wait) {
	struct epoll_event ready[READY];
	struct timespec limit = {(time_t)(wait / CLOCK_SECOND), (long)(wait % CLOCK_SECOND)};
	int count;
	do {
		count = epoll_pwait2(run->poll, ready, READY, &limit, NULL);
		must(count >= 0 || errno == EINTR, "epoll_pwait2");
		for (int i = 0; i < count; i++)
			take_all(run, ready[i].data.u32);
		limit = (struct timespec){0};
	} while (count == READY);
}

static void look_at_deadlines(struct run *run, uint64_t now) {
	for (uint32_t i = 0; i < run->started; i++) {
		uint32_t number = run->plan->first + i;
		void *client = client_of(run, number);
		if (run->begun[number] == 0 || run->ops->deadline(client) > now)
			continue;
		run->ops->expire(client, now, clock_wall_now());
		look_at(run, number);
	}
}

void run_arrive(struct run *run, const struct run_plan *plan, struct run_result *out_result) {
	*out_result = (struct run_result){.times = calloc(plan->count, sizeof(uint64_t))};
	must(out_result->times, "memory");
	run->plan = plan;
	run->result = out_result;
	run->started = run->under_way = 0;
	uint64_t begin = clock_now(), looked = begin;
	run->begin = run->last = begin;
	for (uint64_t now = begin; now - begin < plan->limit; now = clock_now()) {
		start_some(run);
		if (run->started == plan->count && run->under_way == 0)
			break;
		receive(run, LOOK);
		if (now - looked >= LOOK) {
			looked = now;
			look_at_deadlines(run, now);
		}
	}
	for (uint32_t i = 0; i < plan->count; i++)
		run->begun[plan->first + i] = 0;
	out_result->seconds = (double)(run->last - begin) / 1e9;
}

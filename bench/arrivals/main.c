/*
 * Many clients that arrive at one server, in one process, so that what they keep from one time to
 * the next (a ticket, for example) is there. bench/run arrivals starts it.
 *
 *   arrivals describe PROTOCOL COUNT
 *       a line a client: what the server has to know of it
 *   arrivals run PROTOCOL ADDRESS:PORT COUNT [FOLDER [SOURCE]]
 *       each from SOURCE and the /24s behind it;
 *       reads orders, a line each: WAY FIRST COUNT WINDOW EVERY-US LIMIT-MS
 *       and prints what became of each as one line of JSON
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/address.h"
#include "base/clock.h"
#include "base/text.h"
#include "bench/arrivals/arrival.h"
#include "bench/arrivals/run.h"
#include "bench/generator/fail.h"

enum { CLIENTS_MAX = 60000, WAY_SIZE = 32 };

static int usage(void) {
	(void)fputs("usage: arrivals describe PROTOCOL COUNT\n"
				"       arrivals run PROTOCOL ADDRESS:PORT COUNT [FOLDER [SOURCE]]\n"
				"orders of run: WAY FIRST COUNT WINDOW EVERY-US LIMIT-MS\n",
				stderr);
	return 2;
}

static uint32_t count_of(const char *word) {
	uint64_t count = 0;
	must(text_unsigned_parse(word, strlen(word), CLIENTS_MAX, &count) == ERR_OK && count > 0,
		 "a number of clients");
	return (uint32_t)count;
}

static void describe(const struct arrival_ops *ops, uint32_t count) {
	char line[ARRIVAL_LINE_SIZE];
	for (uint32_t i = 0; i < count; i++) {
		must(ops->describe(i, line) == ERR_OK, "a client's line");
		puts(line);
	}
}

static double processor_seconds(void) {
	struct rusage usage;
	must(getrusage(RUSAGE_SELF, &usage) == 0, "getrusage");
	return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
		   (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static void print(const struct run_plan *plan, const struct run_result *result, double processor) {
	printf("{\"there\": %u, \"refused\": %u, \"seconds\": %.6f, \"cpu\": %.3f, "
		   "\"milliseconds\": [",
		   result->there, result->refused, result->seconds, processor);
	const char *separator = "";
	for (uint32_t i = 0; i < plan->count; i++) {
		if (result->times[i] == 0)
			continue;
		printf("%s%.3f", separator, (double)result->times[i] / 1e6);
		separator = ", ";
	}
	puts("]}");
	must(fflush(stdout) == 0, "standard output");
}

static bool is_way(const struct arrival_ops *ops, const char *way) {
	for (size_t i = 0; ops->ways[i]; i++)
		if (strcmp(ops->ways[i], way) == 0)
			return true;
	return false;
}

static void carry_out(struct run *run, const struct arrival_ops *ops, uint32_t count,
					  const char *line) {
	char way[WAY_SIZE];
	uint64_t every_us, limit_ms;
	struct run_plan plan = {.way = way};
	must(sscanf(line, "%31s %" SCNu32 " %" SCNu32 " %" SCNu32 " %" SCNu64 " %" SCNu64, way,
				&plan.first, &plan.count, &plan.window, &every_us, &limit_ms) == 6 &&
			 is_way(ops, way) && plan.count <= count && plan.first <= count - plan.count &&
			 plan.window > 0,
		 "an order");
	plan.every = every_us * CLOCK_MICROSECOND;
	plan.limit = limit_ms * CLOCK_MILLISECOND;
	struct run_result result;
	const double before = processor_seconds();
	run_arrive(run, &plan, &result);
	print(&plan, &result, processor_seconds() - before);
	free(result.times);
}

static struct in_addr address_of(const char *text) {
	struct in_addr place;
	struct address address;
	errno = 0;
	must(address_parse(text, &address) == ERR_OK && address.family == ADDRESS_V4,
		 "an address (IPv4)");
	memcpy(&place, address.bytes, sizeof place);
	return place;
}

/* words: ADDRESS:PORT COUNT [FOLDER [SOURCE]] */
static void serve(const struct arrival_ops *ops, int count, char **words) {
	struct endpoint endpoint;
	must(endpoint_parse(words[0], &endpoint) == ERR_OK && endpoint.address.family == ADDRESS_V4,
		 "the server's address (IPv4)");
	struct run_setup setup = {
		.ops = ops,
		.folder = count > 2 ? words[2] : NULL,
		.server = {.sin_family = AF_INET, .sin_port = htons(endpoint.port)},
		.source = count > 3 ? address_of(words[3]) : (struct in_addr){0},
		.count = count_of(words[1]),
	};
	memcpy(&setup.server.sin_addr, endpoint.address.bytes, sizeof setup.server.sin_addr);
	struct run *run;
	run_new(&setup, &run);
	char line[256];
	while (fgets(line, sizeof line, stdin))
		carry_out(run, ops, setup.count, line);
	run_free(run);
}

int main(int count, char **words) {
	const struct arrival_ops *ops = count > 3 ? arrival_find(words[2]) : NULL;
	if (!ops)
		return usage();
	if (count == 4 && strcmp(words[1], "describe") == 0)
		describe(ops, count_of(words[3]));
	else if (count >= 5 && count <= 7 && strcmp(words[1], "run") == 0)
		serve(ops, count - 3, words + 3);
	else
		return usage();
	return ferror(stdout) || fflush(stdout) ? 1 : 0;
}

#include "decoy_world.h"

#include <malloc.h>

/*
 * What a site answers over HTTP/1.1: the heads, in their order, and the bodies are those of
 * nginx 1.22 (server_tokens off) with the same files.
 */

#define DATE "Server: nginx\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
#define MODIFIED "Last-Modified: Tue, 14 Nov 2023 22:13:20 GMT\r\n"
#define PAGE(title)                                                                   \
	"<html>\r\n<head><title>" title "</title></head>\r\n<body>\r\n<center><h1>" title \
	"</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
#define ERROR(title, length, rest)                                                     \
	"HTTP/1.1 " title "\r\n" DATE "Content-Type: text/html\r\nContent-Length: " length \
	"\r\nConnection: keep-alive\r\n" rest "\r\n" PAGE(title)
#define A_TXT                                                                                \
	"HTTP/1.1 200 OK\r\n" DATE "Content-Type: text/plain\r\nContent-Length: 12\r\n" MODIFIED \
	"Connection: keep-alive\r\nETag: \"6553f100-c\"\r\nAccept-Ranges: bytes\r\n\r\n"         \
	"hello world\n"
#define A_TXT_304                                 \
	"HTTP/1.1 304 Not Modified\r\n" DATE MODIFIED \
	"Connection: keep-alive\r\nETag: \"6553f100-c\"\r\n\r\n"
#define PART(length)                                                                              \
	"HTTP/1.1 206 Partial Content\r\n" DATE "Content-Type: text/plain\r\nContent-Length: " length \
	"\r\n" MODIFIED "Connection: keep-alive\r\nETag: \"6553f100-c\"\r\n"

static const struct {
	const char *request; /* without "HTTP/1.1" and Host */
	const char *more;    /* fields */
	const char *answer;
} rows[] = {
	{"GET /", "",
	 "HTTP/1.1 200 OK\r\n" DATE "Content-Type: text/html\r\nContent-Length: 14\r\n" MODIFIED
	 "Connection: keep-alive\r\nETag: \"6553f100-e\"\r\nAccept-Ranges: bytes\r\n\r\n"
	 "<h1>home</h1>\n"},
	{"GET /a.txt", "", A_TXT},
	{"GET //x/../a.txt?x=%00", "", A_TXT},
	{"GET http://x/a.txt", "", A_TXT},
	{"HEAD /a.txt", "",
	 "HTTP/1.1 200 OK\r\n" DATE "Content-Type: text/plain\r\nContent-Length: 12\r\n" MODIFIED
	 "Connection: keep-alive\r\nETag: \"6553f100-c\"\r\nAccept-Ranges: bytes\r\n\r\n"},
	{"GET /zzz", "", ERROR("404 Not Found", "146", "")},
	{"GET /a.txt/", "", ERROR("404 Not Found", "146", "")},
	{"GET /no%20index/", "", ERROR("403 Forbidden", "146", "")},
	{"GET /dir?a=b", "",
	 "HTTP/1.1 301 Moved Permanently\r\n" DATE "Content-Type: text/html\r\nContent-Length: 162\r\n"
	 "Location: https://h:8443/dir/?a=b\r\nConnection: keep-alive\r\n\r\n" PAGE(
		 "301 Moved Permanently")},
	{"GET /no%20index", "",
	 "HTTP/1.1 301 Moved Permanently\r\n" DATE "Content-Type: text/html\r\nContent-Length: 162\r\n"
	 "Location: https://h:8443/no%20index/\r\nConnection: keep-alive\r\n\r\n" PAGE(
		 "301 Moved Permanently")},
	{"POST /a.txt", "", ERROR("405 Not Allowed", "150", "")},
	{"POST /zzz", "", ERROR("404 Not Found", "146", "")},
	{"PUT /zzz", "", ERROR("405 Not Allowed", "150", "")},
	{"OPTIONS /", "", ERROR("405 Not Allowed", "150", "")},
	{"GET /a.txt", "If-Modified-Since: Tue, 14 Nov 2023 22:13:20 GMT\r\n", A_TXT_304},
	{"GET /a.txt", "If-Modified-Since: Tue, 14 Nov 2023 22:13:21 GMT\r\n", A_TXT},
	{"GET /a.txt", "If-None-Match: W/\"6553f100-c\"\r\n", A_TXT_304},
	{"GET /a.txt", "If-None-Match: \"x\", \"6553f100-c\"\r\n", A_TXT_304},
	{"GET /a.txt", "If-None-Match: *\r\n", A_TXT_304},
	{"GET /a.txt", "If-None-Match: \"6553f100-d\"\r\n", A_TXT},
	{"GET /a.txt",
	 "If-None-Match: \"6553f100-c\"\r\nIf-Modified-Since: Tue, 14 Nov 2023 22:13:21 GMT\r\n",
	 A_TXT},
	{"GET /a.txt", "If-Match: \"x\"\r\n", ERROR("412 Precondition Failed", "166", "")},
	{"GET /a.txt", "If-Unmodified-Since: Tue, 14 Nov 2023 22:13:19 GMT\r\n",
	 ERROR("412 Precondition Failed", "166", "")},
	{"GET /a.txt", "Range: bytes=2-4\r\n", PART("3") "Content-Range: bytes 2-4/12\r\n\r\nllo"},
	{"HEAD /a.txt", "Range: bytes=2-4\r\n", PART("3") "Content-Range: bytes 2-4/12\r\n\r\n"},
	{"GET /a.txt", "Range: bytes=200-400\r\n",
	 ERROR("416 Requested Range Not Satisfiable", "190", "Content-Range: bytes */12\r\n")},
	{"GET /a.txt", "Range: bytes=-3\r\nIf-Range: \"x\"\r\n", A_TXT},
	{"GET /a.txt", "Range: bytes=11-\r\nIf-Range: \"6553f100-c\"\r\n",
	 PART("1") "Content-Range: bytes 11-11/12\r\n\r\n\n"},
	{"GET /a.txt", "Range: bytes=0-1,3-4\r\n",
	 "HTTP/1.1 206 Partial Content\r\n" DATE
	 "Content-Type: multipart/byteranges; boundary=00000000001700000012\r\n"
	 "Content-Length: 198\r\n" MODIFIED "Connection: keep-alive\r\nETag: \"6553f100-c\"\r\n\r\n"
	 "\r\n--00000000001700000012\r\nContent-Type: text/plain\r\n"
	 "Content-Range: bytes 0-1/12\r\n\r\nhe\r\n--00000000001700000012\r\n"
	 "Content-Type: text/plain\r\nContent-Range: bytes 3-4/12\r\n\r\nlo"
	 "\r\n--00000000001700000012--\r\n"},
};

static void answers_as_nginx(void **state) {
	struct world *world = world_new(false, true);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		char request[512];
		(void)snprintf(request, sizeof request, "%s HTTP/1.1\r\nHost: h:9\r\n%s\r\n",
					   rows[i].request, rows[i].more);
		world->client_size = 0;
		assert_int_equal(world_text(world, request), strlen(request));
		assert_string_equal(world->client, rows[i].answer);
		bool breaks_off = strstr(rows[i].answer, " 412 ") != NULL;
		assert_int_equal(decoy_state(world->decoy), breaks_off ? DECOY_FINISHED : DECOY_OPEN);
		if (!breaks_off)
			continue;
		world_free(world);
		world = world_new(false, true);
	}
	/* Each of them was the owner's to judge. */
	assert_int_equal(world->candidates, 1);
	world_free(world);
}

static void has_a_page_of_its_own(void **state) {
	struct world *world = world_new(false, true);
	decoy_free(world->decoy);
	site_release(world->site);
	world->site = decoy_site_new(true);
	const struct decoy_options options = {
		.ops = &world_ops, .context = world, .site = world->site, .cookie = "sid", .peer = ""};
	assert_int_equal(decoy_new(&options, world->now, &world->decoy), ERR_OK);
	(void)world_text(world, "GET /zzz HTTP/1.1\r\nHost: h\r\n\r\n");
	assert_string_equal(world->client,
						"HTTP/1.1 404 Not Found\r\n" DATE
						"Content-Type: text/html\r\nContent-Length: 5\r\n"
						"Connection: keep-alive\r\nETag: \"6553f100-5\"\r\n\r\ngone\n");
	world_free(world);
}

static size_t in_use(void) {
	const struct mallinfo2 heap = mallinfo2();
	return heap.uordblks + heap.hblkhd;
}

/* Parts of a file are not copied: a short question would fill the memory with long answers. */
static void parts_are_not_copied(void **state) {
	static const char request[] =
		"GET /big.png HTTP/1.1\r\nHost: h\r\nRange: bytes=0-0,1-299999\r\n\r\n";
	struct world *world = world_new(false, true);
	world->keeps_pending = true;
	size_t size = sizeof request - 1, before = in_use();
	assert_int_equal(decoy_put(world->decoy, world->now, (const uint8_t *)request, size), size);
	world_refuse(world);
	assert_true(in_use() - before < DECOY_SITE_BIG / 2);
	world_run(world);
	const char *body = strstr(world->client, "\r\n\r\n") + 4;
	const struct site_file *file = site_find(world->site, "/big.png", 8);
	const char *second = memmem(body, 500, "1-299999/300000\r\n\r\n", 19);
	assert_non_null(second);
	assert_memory_equal(second + 19, file->content.data + 1, DECOY_SITE_BIG - 1);
	assert_string_equal(second + 19 + DECOY_SITE_BIG - 1, "\r\n--00000000001700225760--\r\n");
	assert_int_equal(decoy_state(world->decoy), DECOY_OPEN);
	world_free(world);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_as_nginx),
		cmocka_unit_test(has_a_page_of_its_own),
		cmocka_unit_test(parts_are_not_copied),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

#pragma once

/* A site of a few files, for tests of what serves them. No cmocka. */

#include <stdlib.h>
#include <string.h>

#include "proxy/site.h"

enum { DECOY_SITE_MODIFIED = 1700000000, DECOY_SITE_BIG = 300000 };

static void decoy_site_give_back(struct slice image) {
	free((void *)(uintptr_t)image.data);
}

/* The image of files in their order. */
static inline struct slice decoy_site_image(const struct site_file *files, size_t count) {
	uint8_t *head;
	size_t size, used;
	if (site_head(files, count, &head, &size))
		abort();
	used = size;
	for (size_t i = 0; i < count; i++)
		size += files[i].content.size;
	uint8_t *image = malloc(size);
	if (!image)
		abort();
	memcpy(image, head, used);
	free(head);
	for (size_t i = 0; i < count; i++) {
		if (files[i].content.size > 0)
			memcpy(image + used, files[i].content.data, files[i].content.size);
		used += files[i].content.size;
	}
	return slice_of(image, size);
}

static inline struct site *decoy_site_new(bool with_404) {
	static uint8_t big[DECOY_SITE_BIG];
	for (size_t i = 0; i < sizeof big; i++)
		big[i] = (uint8_t)(i * 31 + i / 1009);
	const struct site_file all[] = {
		{slice_of_text("/"), true, 1, {NULL, 0}},
		{slice_of_text("/404.html"), false, DECOY_SITE_MODIFIED, slice_of_text("gone\n")},
		{slice_of_text("/a.txt"), false, DECOY_SITE_MODIFIED, slice_of_text("hello world\n")},
		{slice_of_text("/big.png"), false, DECOY_SITE_MODIFIED, slice_of(big, sizeof big)},
		{slice_of_text("/dir"), true, 1, {NULL, 0}},
		{slice_of_text("/dir/index.html"), false, DECOY_SITE_MODIFIED, slice_of_text("idx\n")},
		{slice_of_text("/empty.txt"), false, DECOY_SITE_MODIFIED, {NULL, 0}},
		{slice_of_text("/index.html"), false, DECOY_SITE_MODIFIED,
		 slice_of_text("<h1>home</h1>\n")},
		{slice_of_text("/no index"), true, 1, {NULL, 0}},
		{slice_of_text("/no index/x.css"), false, 1, slice_of_text("x\n")},
	};
	enum { ALL = sizeof all / sizeof all[0] };
	struct site_file files[ALL];
	size_t count = 0;
	for (size_t i = 0; i < ALL; i++)
		if (with_404 || strncmp((const char *)all[i].path.data, "/404", 4) != 0)
			files[count++] = all[i];
	struct site *site;
	if (site_new(decoy_site_image(files, count), decoy_site_give_back, &site))
		abort();
	return site;
}

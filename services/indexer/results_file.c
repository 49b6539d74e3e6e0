// SPDX-License-Identifier: GPL-3.0-only
#include "indexer/results_file.h"

#include <sys/stat.h>

int results_file_open(struct results_file *file, const char *path, struct error *err)
{
    struct stat st;
    int r = database_open(path, &file->db, err);

    if (r < 0)
        return r;
    file->path = path;
    if (stat(path, &st) < 0)
        return error_errno(err, -errno, "database %s", path);
    file->dev = st.st_dev;
    file->ino = st.st_ino;
    return 0;
}

int results_file_get(struct results_file *file, struct database **ret, struct error *err)
{
    struct stat st;
    int r = stat(file->path, &st) < 0 ? -errno : 0;

    if (r < 0 || st.st_dev != file->dev || st.st_ino != file->ino)
        results_file_close(file);
    if (r < 0)
        return error_errno(err, r, "the database %s, which was there, is out of reach", file->path);
    if (!file->db)
        r = results_file_open(file, file->path, err);
    if (r == 0)
        *ret = file->db;
    return r;
}

void results_file_failed(struct results_file *file)
{
    int trouble = file->db ? database_trouble(file->db) : 0;

    if (trouble != 0 && trouble != -EAGAIN && trouble != -ENOSPC)
        results_file_close(file);
    else if (file->db)
        database_forget_trouble(file->db);
}

void results_file_close(struct results_file *file)
{
    if (file->db)
        database_close(file->db);
    file->db = NULL;
}

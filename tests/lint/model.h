// SPDX-License-Identifier: GPL-3.0-only
// Force-included when the code is analysed, never when it is built. The analysers see one file at a
// time and so do not know that error_set() and its sisters return the negative number they are
// given; without this they follow paths on which a failed call looks like a success.
#pragma once

#include "base/error.h"

#define MODEL_NEGATIVE(call, value)                                                                \
    __extension__({                                                                                \
        int model_value_ = (value);                                                                \
        (void)(call);                                                                              \
        if (model_value_ >= 0)                                                                     \
            __builtin_unreachable();                                                               \
        model_value_;                                                                              \
    })

#define error_set(err, r, ...) MODEL_NEGATIVE((error_set)(err, model_value_, __VA_ARGS__), r)
#define error_setv(err, r, format, args)                                                           \
    MODEL_NEGATIVE((error_setv)(err, model_value_, format, args), r)
#define error_errno(err, r, ...) MODEL_NEGATIVE((error_errno)(err, model_value_, __VA_ARGS__), r)
#define error_prefix(err, r, ...) MODEL_NEGATIVE((error_prefix)(err, model_value_, __VA_ARGS__), r)
#define error_oom(err) MODEL_NEGATIVE((error_oom)(err), -ENOMEM)

// Trainings as the specs of `accuracy` state them, and what is left of one: the weights that a
// record names. For every harness that trains or looks into what was trained.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "task/training.h"

namespace posbench {

TaskOptions task_options(const nlohmann::json& spec);

/// But for the words and the classes, which only the data knows.
EncoderOptions encoder_options(const nlohmann::json& spec);

/// The data of a training. A child (`init`, with its run directory) reads its text with its
/// parent's tokenizer, learned anew from the parent's data: token vectors mean words only there.
/// Throws UserError where that does not give the same one.
TaskData load_data(const nlohmann::json& spec, const std::string& folder = "");

/// Built only where its memory is there.
Encoder<float> make_encoder(const nlohmann::json& spec, const TaskData& data);

/// The record of a trial of `accuracy`, which has weights. Throws UserError where there is none.
nlohmann::json parent_record(const std::string& parent, const std::string& folder);

/// Copies what both have from the parent's weights, verified by their digest.
void load_parent(Encoder<float>& encoder, const std::string& parent, const std::string& folder);

}  // namespace posbench

//! What a member of the nodes' cluster answers: any bytes end in a list that is bounded and names nobody twice, or in a short
//! sentence without control characters.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|answer: &[u8]| match weir::members_of(answer) {
    Ok(mut members) => {
        let all = members.len();
        assert!(all <= 256, "{all} members");
        members.sort();
        members.dedup();
        assert_eq!(members.len(), all, "a member is in the list twice");
    }
    Err(said) => assert!(said.len() < 1_000 && !said.chars().any(char::is_control), "{said:?}"),
});

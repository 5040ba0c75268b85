//! What is kept how long, what is forgotten, and what takes no room.

use std::time::UNIX_EPOCH;

use super::*;

fn requests(count: u64, bucket: usize) -> Counts {
    let mut counts = Counts::default();
    counts.classes[1] = count;
    counts.times[bucket] = u32::try_from(count).unwrap();
    counts
}

fn at(second: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(second)
}

#[test]
fn the_last_minute_forgets_what_is_older() {
    let history = History::new(at(0));
    let pool = Subject::Pool("esb".into());
    for second in 0..200 {
        let count = if second < 100 { 1_000 } else { 10 };
        history.second(at(second + 1), |now| now.add(&pool, &requests(count, if second < 100 { 80 } else { 20 })));
        let LastMinute { point, seconds } = history.last_minute(&pool);
        assert_eq!(seconds, if second < 60 { second + 1 } else { 56 + second % 5 }, "in second {second}");
        if second < 100 {
            assert_eq!(point.requests(), seconds * 1_000);
        }
        if second >= 160 {
            assert_eq!(point.requests(), seconds * 10, "in second {second}");
            assert!(point.times.unwrap().p99 < Duration::from_millis(2));
        }
    }
}

#[test]
fn seconds_and_minutes_are_kept_so_long_and_no_longer() {
    let history = History::new(at(0));
    let node = Subject::Node("worker1".into());
    let day = 24 * 60 * 60;
    for second in 0..day + 90 {
        history.second(at(second + 1), |now| {
            if second % 7 > 0 {
                now.add(&node, &requests(second % 7, 3));
            }
            now.in_flight(&node, second % 5);
        });
    }
    let seconds = history.seconds(&node, usize::MAX);
    assert_eq!((seconds.points.len(), seconds.until), (600, at(day + 90)));
    let newest = seconds.points.last().unwrap();
    assert_eq!((newest.requests(), newest.in_flight), ((day + 89) % 7, (day + 89) % 5));
    let minutes = history.minutes(&node, usize::MAX);
    assert_eq!((minutes.points.len(), minutes.until), (1_440, at(day + 60)));
    let last: u64 = (day..day + 60).map(|second| second % 7).sum();
    assert_eq!(minutes.points.last().unwrap().requests(), last);
    assert_eq!(history.minutes(&node, 2).points, minutes.points[1_438..]);
}

#[test]
fn who_has_no_requests_takes_no_room() {
    let history = History::new(at(0));
    let (busy, idle) = (Subject::Site("esb".into()), Subject::Site("mgt".into()));
    history.second(at(1), |now| {
        now.add(&busy, &requests(1, 0));
        now.in_flight(&idle, 0);
    });
    history.second(at(2), |now| now.in_flight(&busy, 0));
    assert_eq!(history.0.lock().tracks.len(), 1);
    assert_eq!(history.last_minute(&idle), LastMinute { point: Point::default(), seconds: 2 });
    history.retain(|subject| *subject == idle);
    assert_eq!(history.last_minute(&busy).point, Point::default());
}

#[test]
fn subjects_are_bounded() {
    let history = History::new(at(0));
    history.second(at(1), |now| {
        for site in 0..2_000 {
            now.add(&Subject::Site(site.to_string().into()), &requests(1, 0));
        }
    });
    assert_eq!(history.0.lock().tracks.len(), MOST_SUBJECTS);
}

#[test]
fn where_there_are_too_many_a_route_gives_way_to_a_site_and_a_site_to_a_node() {
    let history = History::new(at(0));
    let route = |number: usize| Subject::Route("esb".into(), number.to_string().into());
    let (site, node) = (Subject::Site("esb".into()), Subject::Node("worker1".into()));
    let second = |moment, subjects: &[Subject]| {
        history.second(at(moment), |now| subjects.iter().for_each(|subject| now.add(subject, &requests(1, 0))));
    };
    second(1, &(0..MOST_SUBJECTS).map(route).collect::<Vec<_>>());
    second(2, &[site.clone(), node.clone(), route(MOST_SUBJECTS)]);
    let told = |subject: &Subject| history.last_minute(subject).point.requests();
    assert_eq!((told(&site), told(&node), told(&route(MOST_SUBJECTS))), (1, 1, 0));
    let routes = (0..MOST_SUBJECTS).filter(|number| told(&route(*number)) == 1).count();
    assert_eq!(routes, MOST_SUBJECTS - 2);
    second(3, &(0..MOST_SUBJECTS).map(|number| Subject::Pool(number.to_string().into())).collect::<Vec<_>>());
    assert_eq!((told(&site), told(&node)), (0, 0), "only pools are left");
    second(4, std::slice::from_ref(&site));
    assert_eq!(told(&site), 0);
}

/// What the next process has of the numbers, when it read its last second so many milliseconds after the one before.
fn over_an_upgrade(before: &History, later: i64, of: &Subject, counted: &Counts) -> History {
    let last = i64::try_from(since_1970(before.0.lock().at).as_millis()).unwrap();
    let moment =
        |second: i64| UNIX_EPOCH + Duration::from_millis(u64::try_from(last + later + second * 1_000).unwrap());
    let after = History::new(moment(-3));
    after.second(moment(-2), |_| ());
    after.second(moment(-1), |_| ());
    after.second(moment(0), |now| now.add(of, counted));
    let told = serde_json::to_string(&before.hand_over()).unwrap();
    let told: Vec<HandedNumbers> = serde_json::from_str(&told).unwrap();
    told.into_iter().filter(|handed| handed.of == of.to_string()).for_each(|handed| after.go_on_from(of, handed));
    after
}

#[test]
fn numbers_go_on_over_an_upgrade() {
    let pool = Subject::Pool("esb".into());
    let count = |points: &[Point]| points.iter().map(Point::requests).sum::<u64>();
    for (seconds, later) in [(1, 0), (30, -700), (30, 400), (58, 0), (59, 0), (59, 1_500), (60, 0), (700, 0)] {
        let what = format!("{seconds} seconds, {later} ms later");
        let before = History::new(at(1_000));
        for second in 0..seconds {
            before.second(at(1_001 + second), |now| now.add(&pool, &requests(second % 3 + 1, 80)));
        }
        let counted = (0..seconds).map(|second| second % 3 + 1).sum::<u64>() + 7;
        let after = over_an_upgrade(&before, later, &pool, &requests(7, 20));
        let own = match later {
            1_500 => 3,
            400 => 2,
            _ => 1,
        };
        let points = after.seconds(&pool, SECONDS).points;
        let (earlier, later) = points.split_at(points.len() - own);
        assert_eq!((count(later), earlier), (7, &before.seconds(&pool, earlier.len()).points[..]), "{what}");
        let (own, last_minute) = (own as u64, after.last_minute(&pool));
        if seconds <= 30 {
            assert_eq!((last_minute.point.requests(), last_minute.seconds), (counted, seconds + own), "{what}");
        }
        assert!(last_minute.point.times.unwrap().p99 > Duration::from_millis(2), "{what}");
        // A minute ends when it would have.
        let until = (seconds + own).next_multiple_of(60);
        for second in seconds + own..until {
            after.second(at(1_100 + second), |now| now.add(&pool, &requests(1, 80)));
        }
        let minutes = after.minutes(&pool, MINUTES).points;
        assert_eq!((count(&minutes), minutes.len() as u64), (counted + until - seconds - own, until / 60), "{what}");
    }
}

#[test]
fn numbers_of_another_clock_or_of_nonsense_are_bounded() {
    let pool = Subject::Pool("esb".into());
    let before = History::new(at(0));
    before.second(at(1), |now| now.add(&pool, &requests(5, 80)));
    let after = over_an_upgrade(&before, 10_000_000, &pool, &requests(7, 20));
    assert_eq!(after.seconds(&pool, 600).points.len(), 1 + OWN_SECONDS);
    let many = vec!["[1,2,3,4,5,6,65535,8,9,10,11,12]"; 9_000].join(",");
    let told = format!(
        r#"{{"of":"","at_ms":{0},"seconds":{0},"track":{{"seconds":[{many}],"minutes":[{many}],"minute":[{0}],"parts":[[],[1,2],[]]}}}}"#,
        u64::MAX / 2
    );
    after.go_on_from(&pool, serde_json::from_str(&told).unwrap());
    after.second(at(2), |now| now.add(&pool, &requests(1, 80)));
    assert_eq!(after.seconds(&pool, usize::MAX).points.len(), SECONDS);
}

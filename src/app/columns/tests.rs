use super::*;

#[test]
fn columns_never_overlap_and_name_and_frees_never_leave() {
    for kind in Kind::ALL {
        for width in 1..200 {
            let fit = fitting(kind, width);
            assert_eq!((fit[0].0, fit[1].0), (0, 1), "{kind:?} {width}");
            assert!(fit.windows(2).all(|two| two[0].1 + two[0].2 < two[1].1));
            let (_, x, wide) = fit[fit.len() - 1];
            assert!(x + wide <= width.max(12), "{kind:?} {width}: {fit:?}");
        }
        assert_eq!(fitting(kind, 200).len(), columns(kind).len());
    }
}

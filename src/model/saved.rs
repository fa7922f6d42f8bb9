//! Values that are saved in another form than they are held in.

/// Has a type saved as a value of another one, through two functions: to that value, if there is one, and back.
macro_rules! saved_as {
    ($type:ty, $form:ty, $save:path, $read:path) => {
        // SAFETY: all is left to the form: nothing is said of the length but what the form says of this value.
        #[allow(unsafe_code)]
        unsafe impl<C: wincode::config::Config> wincode::SchemaWrite<C> for $type
        where
            $form: wincode::SchemaWrite<C, Src = $form>,
        {
            type Src = Self;

            fn size_of(value: &Self) -> wincode::WriteResult<usize> {
                <$form as wincode::SchemaWrite<C>>::size_of(&$save(*value)?)
            }

            fn write(writer: impl wincode::io::Writer, value: &Self) -> wincode::WriteResult<()> {
                <$form as wincode::SchemaWrite<C>>::write(writer, &$save(*value)?)
            }
        }

        // SAFETY: the value is written where all went well, and only there.
        #[allow(unsafe_code)]
        unsafe impl<'de, C: wincode::config::Config> wincode::SchemaRead<'de, C> for $type
        where
            $form: wincode::SchemaRead<'de, C, Dst = $form>,
        {
            type Dst = Self;

            fn read(
                reader: impl wincode::io::Reader<'de>,
                value: &mut std::mem::MaybeUninit<Self>,
            ) -> wincode::ReadResult<()> {
                value.write($read(<$form as wincode::SchemaRead<'de, C>>::get(reader)?)?);
                Ok(())
            }
        }
    };
}

pub(crate) use saved_as;
